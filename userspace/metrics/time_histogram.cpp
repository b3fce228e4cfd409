// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/time_histogram.h"

#include <functional>
#include <numeric>

namespace closewatch {

void TimeHistogram::merge(const TimeHistogram& other) {
  std::transform(buckets_.begin(), buckets_.end(), other.buckets_.begin(), buckets_.begin(),
                 std::plus<>{});
  sum_us_ += other.sum_us_;
}

std::uint64_t TimeHistogram::count() const {
  return std::accumulate(buckets_.begin(), buckets_.end(), std::uint64_t{0});
}

}  // namespace closewatch
