// SPDX-License-Identifier: Apache-2.0
#include "userspace/observe/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "userspace/base/clock.h"
#include "userspace/base/stream_writer.h"

namespace closewatch {
namespace {

// While closures come: long enough to make a drain worth its wake-up, short enough to be seen as
// "now" and to leave the ring buffer nearly empty.
constexpr int kBusyMs = 10;
// Empty drains in a row after which the reader sleeps without a timer.
constexpr int kIdleDrains = 5;
constexpr std::uint64_t kMs = 1'000'000;

std::uint64_t lost_records(const KernelCounters& counters) {
  return counters.lost_ring + counters.lost_ledger + counters.amended_lost +
         counters.unestablished_lost;
}

// Milliseconds until the earliest of the moments, rounded up; -1 when there is none.
int timeout_ms(std::uint64_t now_ns, std::optional<std::uint64_t> a,
               std::optional<std::uint64_t> b) {
  if (!a && !b) {
    return -1;
  }
  const std::uint64_t next = std::min(a.value_or(UINT64_MAX), b.value_or(UINT64_MAX));
  if (next <= now_ns) {
    return 0;
  }
  return static_cast<int>(std::min<std::uint64_t>((next - now_ns + kMs - 1) / kMs, 1U << 30));
}

// Readable while one of them is pending.
UniqueFd block(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) {
    ::sigaddset(&set, signal);
  }
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// A blocked signal is pending also when it is ignored (sig_ignored(), kernel/signal.c).
bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// What is taken from the kernel side, and what is known to be missing from it.
class Taking {
 public:
  Taking(Observer& observer, const WatchHandlers& handlers)
      : observer_{observer}, handlers_{handlers}, complete_ns_{boot_now_ns()} {}

  // One drain and, where records are known to be lost, a gap. How many records there were.
  Result<std::size_t> drain() {
    auto drained = observer_.drain(handlers_.record);
    if (!drained.ok()) {
      return drained;
    }
    now_ns_ = boot_now_ns();
    const std::uint64_t lost = lost_records(observer_.counters());
    if (lost != lost_) {
      handlers_.gap(lost - lost_, complete_ns_);
      lost_ = lost;
    }
    complete_ns_ = now_ns_;
    return drained;
  }
  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }

 private:
  Observer& observer_;
  const WatchHandlers& handlers_;
  std::uint64_t lost_ = 0;
  std::uint64_t complete_ns_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace

Result<Watch> Watch::create(HangUp hang_up) {
  UniqueFd stops = hang_up == HangUp::is_taken || is_ignored(SIGHUP)
                       ? block({SIGINT, SIGTERM})
                       : block({SIGINT, SIGTERM, SIGHUP});
  UniqueFd hang_ups = hang_up == HangUp::is_taken ? block({SIGHUP}) : UniqueFd();
  UniqueFd stops_of_writers(::fcntl(stops.get(), F_DUPFD_CLOEXEC, 0));
  if (!stops_of_writers.valid() || (hang_up == HangUp::is_taken && !hang_ups.valid())) {
    return Error{.what = std::string("cannot watch for signals: ") + std::strerror(errno)};
  }
  StreamWriter::heed(std::move(stops_of_writers));
  return Watch(std::move(stops), std::move(hang_ups));
}

// True when a signal asks for the end.
Result<bool> Watch::wait(int timeout, bool woken_by_kernel, const Observer& observer,
                         const WatchHandlers& handlers) {
  // poll() skips a descriptor below 0.
  std::array<pollfd, 3> watched{
      {{.fd = stops_.get(), .events = POLLIN, .revents = 0},
       {.fd = hang_ups_.get(), .events = POLLIN, .revents = 0},
       {.fd = woken_by_kernel ? observer.wake_fd() : -1, .events = POLLIN, .revents = 0}}};
  const int ready = ::poll(watched.data(), watched.size(), timeout);
  if (ready < 0 && errno != EINTR) {
    return Error{.what = std::string("cannot wait for records: ") + std::strerror(errno)};
  }
  signalfd_siginfo signal{};
  if (watched[1].revents != 0 && ::read(hang_ups_.get(), &signal, sizeof signal) == sizeof signal) {
    handlers.hung_up();
  }
  return watched[0].revents != 0;
}

Result<> Watch::run(Observer& observer, const WatchHandlers& handlers,
                    std::optional<std::uint64_t> until_ns) {
  Taking taking(observer, handlers);
  int empty_drains = 0;
  bool ended = false;
  while (!ended) {
    auto drained = taking.drain();
    if (!drained.ok()) {
      return std::move(drained).error();
    }
    const std::uint64_t now = taking.now_ns();
    ended = !handlers.batch_end(now) || (until_ns && now >= *until_ns);
    empty_drains = *drained > 0 ? 0 : empty_drains + 1;
    const int until_next = timeout_ms(now, handlers.due_ns(), until_ns);
    if (!ended && empty_drains < kIdleDrains) {
      const int pause = *drained == Observer::kDrainLimit ? 0
                        : until_next < 0                  ? kBusyMs
                                                          : std::min(until_next, kBusyMs);
      auto signalled = wait(pause, false, observer, handlers);
      if (!signalled.ok()) {
        return std::move(signalled).error();
      }
      ended = *signalled;
    } else if (!ended) {
      // Armed first, drained after: a record between the two is seen here, one after it wakes us.
      observer.arm();
      auto raced = taking.drain();
      if (!raced.ok()) {
        return std::move(raced).error();
      }
      empty_drains = 0;
      if (*raced > 0) {
        continue;
      }
      auto signalled = wait(until_next, true, observer, handlers);
      if (!signalled.ok()) {
        return std::move(signalled).error();
      }
      ended = *signalled;
    }
  }
  // What was recorded is taken to the last, also when nobody wants to see it: it is counted.
  observer.stop();
  for (bool more = true; more;) {
    auto drained = taking.drain();
    if (!drained.ok()) {
      return std::move(drained).error();
    }
    more = *drained > 0;
    handlers.batch_end(taking.now_ns());
  }
  return {};
}

}  // namespace closewatch
