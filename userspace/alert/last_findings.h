// SPDX-License-Identifier: Apache-2.0
// The last few findings: the evidence of an alert. Kept as values, whose strings keep their memory,
// and rendered only when somebody is to read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "userspace/alert/notification.h"
#include "userspace/pipeline/finding.h"

namespace closewatch::alert {

class LastFindings {
 public:
  explicit LastFindings(std::size_t limit) : limit_(limit) {}

  // In the place of one with the same id, else of the oldest.
  void put(const Finding& finding);
  // As if it had never been put.
  void drop(std::string_view id);
  [[nodiscard]] const Finding* newest() const;

  // Newest first. One that takes more than `longest` bytes as a line is left out and counted in
  // `left_out`. `tick_ns` as for JsonLines.
  [[nodiscard]] std::vector<Evidence> render(std::uint64_t tick_ns, std::size_t longest,
                                             std::uint64_t& left_out) const;

 private:
  // The place that is `back` before the newest.
  [[nodiscard]] std::size_t place(std::size_t back) const {
    return (next_ + places_.size() - 1 - back) % places_.size();
  }

  std::size_t limit_;
  std::vector<Finding> places_;  // without an id: empty
  std::size_t next_ = 0;
};

}  // namespace closewatch::alert
