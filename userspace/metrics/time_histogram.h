// SPDX-License-Identifier: Apache-2.0
// A histogram of times in Prometheus' classic form: fixed upper bounds, the same for every series,
// so that histograms of processes and of hosts add up. Count and sum are exact, in microseconds.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace closewatch {

class TimeHistogram {
 public:
  // Microseconds, inclusive. close() that only sends the FIN returns within the first; linger times
  // are whole seconds; 60 s is net.ipv4.tcp_fin_timeout, and what is above 300 s was retransmitted
  // until net.ipv4.tcp_retries2 (924 s) ended it.
  static constexpr std::array<std::uint64_t, 11> kBoundsUs{
      100,       1'000,      10'000,     100'000,     500'000,      1'000'000,
      5'000'000, 15'000'000, 60'000'000, 300'000'000, 1'000'000'000};

  void record(std::uint64_t us) {
    const auto* const bucket = std::lower_bound(kBoundsUs.begin(), kBoundsUs.end(), us);
    ++buckets_[static_cast<std::size_t>(bucket - kBoundsUs.begin())];
    sum_us_ += us;
  }
  void merge(const TimeHistogram& other);

  // Values in one bucket alone; the last, beyond every bound, is kBoundsUs.size().
  [[nodiscard]] std::uint64_t in_bucket(std::size_t bucket) const { return buckets_.at(bucket); }
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::uint64_t sum_us() const { return sum_us_; }

 private:
  std::array<std::uint64_t, kBoundsUs.size() + 1> buckets_{};
  std::uint64_t sum_us_ = 0;
};

}  // namespace closewatch
