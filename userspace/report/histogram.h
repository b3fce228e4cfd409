// SPDX-License-Identifier: Apache-2.0
// Counts values in buckets that grow with the value: exact below 32, then 16 buckets for each
// doubling. A quantile read back is never below the true one and less than 1/16 (6.25 %) above it;
// the largest value is exact. Values are whole numbers of any unit, the whole range of 64 bits. Two
// histograms merge by addition without loss. Memory grows to the largest value: 8 bytes per bucket,
// 3 KiB for an hour in microseconds.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace closewatch {

class Histogram {
 public:
  void record(std::uint64_t value) {
    const std::size_t bucket = bucket_of(value);
    if (bucket >= buckets_.size()) [[unlikely]] {
      buckets_.resize(bucket + 1);
    }
    ++buckets_[bucket];
    ++count_;
    max_ = value > max_ ? value : max_;
  }
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }  // 0 when empty

  // The smallest value that at least `fraction` (0 < fraction <= 1) of the values do not exceed,
  // with the error given above; 0 when empty.
  [[nodiscard]] std::uint64_t quantile(double fraction) const;

  // For keeping it: the count of each bucket up to the last that is not empty, and back. nullopt
  // when `max` is not a value of the last bucket, or the counts do not add up to 64 bits.
  static constexpr std::size_t kBuckets = 976;
  [[nodiscard]] std::span<const std::uint64_t> buckets() const { return buckets_; }
  static std::optional<Histogram> of(std::vector<std::uint64_t> buckets, std::uint64_t max);

 private:
  static constexpr unsigned kSubBits = 4;  // 16 buckets for each doubling

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < (1U << kSubBits)) {
      return static_cast<std::size_t>(value);
    }
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
    return (std::size_t{shift} << kSubBits) + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t largest_in(std::size_t bucket);

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace closewatch
