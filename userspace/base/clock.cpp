// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/clock.h"

#include <time.h>

namespace closewatch {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kCloseTogether = 20'000;

std::int64_t read(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

std::uint64_t boot_now_ns() { return static_cast<std::uint64_t>(read(CLOCK_BOOTTIME)); }

// Whoever runs between two reads makes them differ: of some, those that are closest together.
std::int64_t boot_to_unix_ns() {
  std::int64_t apart = INT64_MAX;
  std::int64_t distance = 0;
  for (int tries = 0; tries < 5 && apart > kCloseTogether; ++tries) {
    const std::int64_t before = read(CLOCK_BOOTTIME);
    const std::int64_t wall = read(CLOCK_REALTIME);
    const std::int64_t after = read(CLOCK_BOOTTIME);
    if (after - before < apart) {
      apart = after - before;
      distance = wall - before;
    }
  }
  return distance;
}

std::uint64_t tick_ns() {
  timespec tick{};
  ::clock_getres(CLOCK_REALTIME_COARSE, &tick);
  return static_cast<std::uint64_t>(tick.tv_sec * kSecond + tick.tv_nsec);
}

}  // namespace closewatch
