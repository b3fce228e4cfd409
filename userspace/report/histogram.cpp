// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/histogram.h"

#include <algorithm>
#include <cmath>

namespace closewatch {

std::uint64_t Histogram::largest_in(std::size_t bucket) {
  if (bucket < (2U << kSubBits)) {
    return bucket;
  }
  const std::size_t shift = (bucket >> kSubBits) - 1;
  const std::uint64_t leading = bucket - (shift << kSubBits);
  return (leading << shift) + ((std::uint64_t{1} << shift) - 1);
}

void Histogram::merge(const Histogram& other) {
  buckets_.resize(std::max(buckets_.size(), other.buckets_.size()));
  for (std::size_t bucket = 0; bucket < other.buckets_.size(); ++bucket) {
    buckets_[bucket] += other.buckets_[bucket];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::optional<Histogram> Histogram::of(std::vector<std::uint64_t> buckets, std::uint64_t max) {
  Histogram histogram;
  for (const std::uint64_t count : buckets) {
    if (__builtin_add_overflow(histogram.count_, count, &histogram.count_)) {
      return std::nullopt;
    }
  }
  const bool empty = buckets.empty();
  if (empty ? max != 0 : buckets.back() == 0 || bucket_of(max) + 1 != buckets.size()) {
    return std::nullopt;
  }
  histogram.buckets_ = std::move(buckets);
  histogram.max_ = max;
  return histogram;
}

std::uint64_t Histogram::quantile(double fraction) const {
  const auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank && seen > 0) {
      return std::min(largest_in(bucket), max_);
    }
  }
  return max_;
}

}  // namespace closewatch
