// SPDX-License-Identifier: Apache-2.0
// How often to try, and how long to wait in between: twice as long each time, up to a minute, and
// between half and all of that at random, so that many hosts do not come back at the same moment.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace closewatch::alert {

struct Retry {
  std::uint32_t attempts = 1;
  std::chrono::milliseconds back_off = std::chrono::milliseconds(500);

  // After so many failed attempts (>= 1). `chance` is at random from 0 to 1.
  [[nodiscard]] std::chrono::milliseconds pause(std::uint32_t failed, double chance) const {
    constexpr std::chrono::milliseconds kLongest = std::chrono::minutes(1);
    const auto whole = std::min(kLongest, back_off * (1U << std::min(failed - 1, 16U)));
    return std::chrono::milliseconds(
        static_cast<std::int64_t>(static_cast<double>(whole.count()) * (0.5 + chance / 2)));
  }
};

}  // namespace closewatch::alert
