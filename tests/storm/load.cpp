// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/load.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <numeric>
#include <optional>

#include "tests/storm/connection.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"

namespace closewatch::storm {
namespace {

constexpr unsigned kMostDrivers = 64;
// Connections to one address before the next is taken: each leaves a port in TIME_WAIT.
constexpr std::uint64_t kPerAddress = 8192;

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void run_connection(const Listener& listener, std::uint32_t address, Ending ending) {
  Connection connection = listener.connect(address);
  give(connection.client.get(), kSent);
  take(connection.server.get(), kSent);
  if (ending == Ending::linger_zero) {
    set_linger_zero(connection.client.get());
  } else if (ending == Ending::unread_data) {
    give(connection.server.get(), kUnread);
    await_readable(connection.client.get(), kUnread);
  }
  connection.client.reset();
  connection.server.reset();
}

// The server of a driver with two processes, until it is killed.
[[noreturn]] void serve(const Listener& listener) {
  for (;;) {
    take(listener.accept().get(), kSent);
  }
}

void ask_server(const Listener& listener, std::uint32_t address) {
  const UniqueFd client = open_socket();
  listener.reach(client.get(), address);
  give(client.get(), kSent);
  take_all(client.get());
}

// User and system time of the children that were waited for.
std::uint64_t children_cpu_ns() {
  rusage used{};
  must(::getrusage(RUSAGE_CHILDREN, &used), "getrusage");
  const auto ns = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_usec) * 1000;
  };
  return ns(used.ru_utime) + ns(used.ru_stime);
}

// The ending of connection `n`: the shares of the mix, taken in turn.
Ending ending_of(const Mix& mix, std::uint64_t n) {
  std::uint64_t place = n % std::accumulate(mix.begin(), mix.end(), std::uint64_t{0});
  std::size_t ending = 0;
  while (place >= mix[ending]) {
    place -= mix[ending++];
  }
  return static_cast<Ending>(ending);
}

}  // namespace

struct Load::State {
  struct Driver {
    DriverResult result;
    std::atomic<std::uint64_t> connections = 0;
  };

  Sign ready;
  Sign go;
  std::atomic<bool> stop = false;
  std::array<Driver, kMostDrivers> drivers;

  void drive(const LoadOptions& options, Driver& driver);
};

void Load::State::drive(const LoadOptions& options, Driver& driver) {
  if (options.own_networks) {
    enter_new_network();
  }
  DriverResult& result = driver.result;
  result.pid = ::getpid();
  result.network = network_inode();
  const Listener listener;
  std::optional<Child> server;
  if (options.two_processes) {
    server.emplace([&] { serve(listener); });
  }
  ready.give();
  go.await();
  const std::uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  const std::uint64_t begin = clock_ns(CLOCK_MONOTONIC);
  const std::uint64_t end =
      begin + static_cast<std::uint64_t>(std::chrono::nanoseconds(options.time).count());
  std::uint64_t now = begin;
  for (std::uint64_t n = 0; n < options.connections && now < end && !stop; ++n) {
    const auto address = static_cast<std::uint32_t>(kLoopback + n / kPerAddress);
    const Ending ending = server ? Ending::graceful : ending_of(options.mix, n);
    server ? ask_server(listener, address) : run_connection(listener, address, ending);
    ++result.endings[static_cast<std::size_t>(ending)];
    driver.connections.store(n + 1, std::memory_order_relaxed);
    now = clock_ns(CLOCK_MONOTONIC);
  }
  result.wall_ns = now - begin;
  result.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  if (server) {
    server->signal(SIGKILL);
    server->wait();
    result.cpu_ns += children_cpu_ns();
  }
}

Load::Load(const LoadOptions& options) : state_(make_shared_value<State>()) {
  if (options.drivers == 0 || options.drivers > kMostDrivers) {
    errno = EINVAL;
    give_up("from 1 to 64 drivers");
  }
  for (unsigned i = 0; i < options.drivers; ++i) {
    children_.emplace_back([&] { state_->drive(options, state_->drivers[i]); });
  }
  for (unsigned i = 0; i < options.drivers; ++i) {
    state_->ready.await();
  }
  state_->go.give(options.drivers);
}

Load::~Load() = default;

std::uint64_t Load::connections() const {
  std::uint64_t sum = 0;
  for (const State::Driver& driver : state_->drivers) {
    sum += driver.connections.load(std::memory_order_relaxed);
  }
  return sum;
}

bool Load::running() const {
  return std::any_of(children_.begin(), children_.end(),
                     [](const Child& child) { return !child.ended(); });
}

void Load::stop() { state_->stop = true; }

LoadResult Load::wait() {
  LoadResult result;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (children_[i].wait() != 0) {
      errno = ECHILD;
      give_up("a driver of the storm failed");
    }
    result.drivers.push_back(state_->drivers[i].result);
  }
  return result;
}

DriverResult LoadResult::all() const {
  DriverResult sum;
  for (const DriverResult& driver : drivers) {
    for (std::size_t ending = 0; ending < kEndings; ++ending) {
      sum.endings[ending] += driver.endings[ending];
    }
    sum.wall_ns = std::max(sum.wall_ns, driver.wall_ns);
    sum.cpu_ns += driver.cpu_ns;
  }
  return sum;
}

LoadResult run_load(const LoadOptions& options) { return Load(options).wait(); }

}  // namespace closewatch::storm
