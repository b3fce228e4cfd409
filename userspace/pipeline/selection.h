// SPDX-License-Identifier: Apache-2.0
// Filters that need the verdict or the name of the process, and so cannot act in the kernel. An
// empty list means any; all that is set must hold.
#pragma once

#include <string>
#include <vector>

#include "userspace/classify/verdict.h"
#include "userspace/record/closure.h"

namespace closewatch {

struct Selection {
  std::vector<std::string> comms = {};  // shell patterns (fnmatch) on the process name
  std::vector<Class> classes = {};
  std::vector<Reason> reasons = {};
  bool lost_only = false;  // bytes were discarded or left unread

  [[nodiscard]] bool wants(const Closure& closure, const Verdict& verdict) const;
  friend bool operator==(const Selection&, const Selection&) = default;
};

}  // namespace closewatch
