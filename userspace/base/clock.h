// SPDX-License-Identifier: Apache-2.0
// The clocks of the host. The kernel side stamps CLOCK_BOOTTIME; people read CLOCK_REALTIME. The
// distance is taken once per run, so that one moment has one name; a run that lasts follows the
// wall clock (wall_clock.h).
#pragma once

#include <cstdint>

namespace closewatch {

// CLOCK_BOOTTIME in ns.
std::uint64_t boot_now_ns();

// CLOCK_REALTIME minus CLOCK_BOOTTIME, ns.
std::int64_t boot_to_unix_ns();

// Length of a jiffy in ns: CLOCK_REALTIME_COARSE ticks with it (kernel/time/posix-timers.c,
// KTIME_LOW_RES, 5.10 to 7.2).
std::uint64_t tick_ns();

}  // namespace closewatch
