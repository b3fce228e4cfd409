// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/clock.h"

#include <time.h>

namespace closewatch {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t read(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

std::uint64_t boot_now_ns() { return static_cast<std::uint64_t>(read(CLOCK_BOOTTIME)); }

std::int64_t boot_to_unix_ns() { return read(CLOCK_REALTIME) - read(CLOCK_BOOTTIME); }

std::uint64_t tick_ns() {
  timespec tick{};
  ::clock_getres(CLOCK_REALTIME_COARSE, &tick);
  return static_cast<std::uint64_t>(tick.tv_sec * kSecond + tick.tv_nsec);
}

}  // namespace closewatch
