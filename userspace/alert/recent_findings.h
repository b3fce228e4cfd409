// SPDX-License-Identifier: Apache-2.0
// The findings that came last, for when a late fact about one of them arrives. Fixed number; an
// older one may be gone, and the caller must cope.
#pragma once

#include <cstddef>
#include <vector>

#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/recent_closures.h"

namespace closewatch::alert {

class RecentFindings {
 public:
  // `limit` is a power of two.
  explicit RecentFindings(std::size_t limit) : places_(limit), index_(2 * limit) {}

  void remember(const Finding& finding) {
    places_[next_] = finding;
    index_.remember(finding.closure.id, next_);
    next_ = (next_ + 1) % places_.size();
  }
  // Null when it was never remembered or has been replaced since.
  Finding* find(const ClosureId& id) {
    const std::size_t* const place = index_.find(id);
    return place != nullptr && places_[*place].closure.id == id ? &places_[*place] : nullptr;
  }

 private:
  std::vector<Finding> places_;
  RecentClosures<std::size_t> index_;
  std::size_t next_ = 0;
};

}  // namespace closewatch::alert
