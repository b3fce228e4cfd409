// SPDX-License-Identifier: Apache-2.0
// The loop of every command that observes the host: drain, hand on, sleep. It sleeps a few
// milliseconds between drains while closures come (waking the reader for each is what makes such
// tools expensive), and without a limit, to be woken by the kernel side, when none come.
// At the end (SIGINT, SIGTERM, SIGHUP, the time, batch_end) the hooks are detached and what was
// recorded is taken to the last, so that every record is accounted for and a storm cannot keep it
// from ending.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"
#include "userspace/kernel/observer.h"

namespace closewatch {

struct WatchHandlers {
  std::function<void(std::span<const std::byte>)> record;
  // Records were lost since `since_ns` (CLOCK_BOOTTIME).
  std::function<void(std::uint64_t lost, std::uint64_t since_ns)> gap;
  // A batch is over; false ends the watch.
  std::function<bool(std::uint64_t now_ns)> batch_end;
  // The next time (CLOCK_BOOTTIME) at which batch_end wants to be called though nothing came.
  std::function<std::optional<std::uint64_t>()> due_ns;
  // SIGHUP came; between two batches. Needed with HangUp::is_taken.
  std::function<void()> hung_up = {};
};

// What SIGHUP does: the terminal has gone, which ends the watch as SIGINT does, unless it came to
// be ignored (nohup); or what the caller takes it for.
enum class HangUp { ends, is_taken };

class Watch {
 public:
  // Blocks SIGINT, SIGTERM and SIGHUP for the calling thread, and for the threads that it makes,
  // and takes them as the end of run(), and of waiting for readers (StreamWriter); but SIGHUP, when
  // it is taken, for WatchHandlers::hung_up.
  static Result<Watch> create(HangUp hang_up = HangUp::ends);

  // Ends at `until_ns` (CLOCK_BOOTTIME), on a signal, when batch_end says so, or on an error.
  Result<> run(Observer& observer, const WatchHandlers& handlers,
               std::optional<std::uint64_t> until_ns);

 private:
  Watch(UniqueFd stops, UniqueFd hang_ups)
      : stops_(std::move(stops)), hang_ups_(std::move(hang_ups)) {}
  Result<bool> wait(int timeout_ms, bool woken_by_kernel, const Observer& observer,
                    const WatchHandlers& handlers);

  UniqueFd stops_;     // what ends it; never read, so that whoever waits sees them
  UniqueFd hang_ups_;  // SIGHUP where it is taken
};

}  // namespace closewatch
