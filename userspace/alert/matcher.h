// SPDX-License-Identifier: Apache-2.0
// Does a closure count for a rule? In two halves: whose closure it is (process, cgroup, ports), and
// how it ended (class, reason, lost bytes, time in close()).
#pragma once

#include "userspace/alert/rule.h"
#include "userspace/pipeline/finding.h"

namespace closewatch::alert {

class Matcher {
 public:
  explicit Matcher(const Match& match);

  // The first half: what a share is a share of.
  [[nodiscard]] bool covers(const Finding& finding) const;
  // The second half, of a finding that is covered.
  [[nodiscard]] bool wants(const Finding& finding) const;

 private:
  Match match_;
  Selection whose_;        // the process name alone
  bool attempts_ = false;  // class unestablished is asked for
};

}  // namespace closewatch::alert
