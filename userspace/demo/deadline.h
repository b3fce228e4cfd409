// SPDX-License-Identifier: Apache-2.0
// A point in time after which waiting is a failure. Generous: a guest under software emulation is
// up to 20 times slower than a host, and a deadline that is met costs nothing.
#pragma once

#include <chrono>

namespace closewatch::demo {

using Clock = std::chrono::steady_clock;
inline constexpr std::chrono::seconds kPatience{30};
// Between two looks at what no descriptor tells of: doubled from the first to the last, so that
// plays that wait for a timer of the kernel leave the CPU to those that do not.
inline constexpr std::chrono::milliseconds kPollInterval{1};
inline constexpr std::chrono::milliseconds kLongestPollInterval{16};

class Deadline {
 public:
  [[nodiscard]] bool passed() const { return Clock::now() >= end_; }

 private:
  Clock::time_point end_ = Clock::now() + kPatience;
};

}  // namespace closewatch::demo
