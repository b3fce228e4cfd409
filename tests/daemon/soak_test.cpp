// SPDX-License-Identifier: Apache-2.0
// Closures for as long as wanted (--soak SECONDS), each burst from a new process, with every number
// exact and memory that stays what it was once everything that is remembered had been filled, also
// over a time in which the history cannot be written.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <thread>

#include "tests/daemon/kept.h"
#include "tests/daemon/locked.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

using std::chrono::steady_clock;

// What fills what is remembered: the enricher's 4096 processes; the page cache of SQLite (8 MiB,
// by 40,000 rows), and the last closures of each sink (32,768 at most); then, in a long soak, the
// rollups of two minutes.
constexpr std::uint64_t kProcesses = 4352;
constexpr unsigned kProcessesAtOnce = 64;
constexpr std::uint64_t kConnections = 40'000;
// Made at once, and closures that the reader may be behind before more are: the ring buffer of
// 4 MiB holds 10,000 and an amendment of each.
constexpr std::uint64_t kConnectionsAtOnce = 1000;
constexpr std::uint64_t kBehind = 8000;
constexpr std::chrono::seconds kMinutes{150};

constexpr std::chrono::milliseconds kBurstEvery{20};
constexpr std::uint64_t kBurst = 100;          // connections
constexpr std::chrono::seconds kLockedFor{2};  // the history, in the middle
// At most, once all is filled, and at all: a process that is flat was seen to end 2 MiB above and
// 1 below where it was, and at 52 MiB at the highest, of which 19 are program and libraries.
constexpr std::uint64_t kGrowthKib = 4096;
constexpr std::uint64_t kMemoryKib = 54 * 1024;

class soak : public Served {
 protected:
  soak() {
    watchdog_us_ = "300000";  // it looks every 100 ms
    ring_size_ = "4MiB";      // what it takes then is what it takes by itself
    room_ = "";
  }

  // More, once the reader, who may be kept from its CPU, is not too far behind.
  void make(const storm::LoadOptions& load) {
    await("waiting for the reader", [&] { return 2 * made_ <= accounted_for(page()) + kBehind; });
    made_ += storm::run_load(load).all().connections();
  }
  // Every closure so far is counted in the metrics and written to the history.
  void await_all() {
    storm::await_closed(0);
    std::string now;
    await("waiting for the metrics", [&] { return accounted_for(now = page()) >= 2 * made_; });
    const std::uint64_t seen = sum_of(now, "closewatch_closures_total");
    await("waiting for the history", [&] { return ask(path(history_), kCounted) >= seen; });
  }

  std::uint64_t made_ = 0;  // connections
};

TEST_F(soak, memory_is_flat_and_every_count_exact) {
  configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  for (std::uint64_t made = 0; made < kProcesses; made += kProcessesAtOnce) {
    make({.drivers = kProcessesAtOnce, .connections = 1});
  }
  for (std::uint64_t made = 0; made < kConnections; made += kConnectionsAtOnce) {
    make({.drivers = 1, .connections = kConnectionsAtOnce, .mix{2, 1, 1}});
  }
  await_all();
  std::uint64_t filled_kib = rss_kib();
  const auto began = steady_clock::now();
  const auto end = began + time_to_soak();
  const auto filled_at = began + std::min(kMinutes, time_to_soak() / 4);
  const auto locks_at = began + time_to_soak() / 2;
  bool filled = false;
  std::optional<Locked> locked;
  for (auto now = began; now < end; now = steady_clock::now()) {
    if (!filled && now >= filled_at) {
      filled = true;
      await_all();
      filled_kib = rss_kib();
    }
    if (now < locks_at || now >= locks_at + kLockedFor) {
      locked.reset();
    } else if (!locked) {
      locked.emplace(path(history_));
    }
    make({.drivers = 1, .connections = kBurst, .mix{6, 2, 2}});
    std::this_thread::sleep_until(now + kBurstEvery);
  }
  locked.reset();
  await_all();
  const std::uint64_t end_kib = rss_kib();
  std::cout << 2 * made_ << " closures; memory " << filled_kib << " KiB once all was filled, "
            << end_kib << " KiB at the end\n";
  EXPECT_LE(end_kib, filled_kib + kGrowthKib);
  EXPECT_LE(end_kib, kMemoryKib);
  const std::string at_end = page();
  ASSERT_EQ(stop(), 0) << daemon().errors();
  const std::uint64_t seen = expect_nothing_lost(2 * made_);
  EXPECT_EQ(sum_of(at_end, "closewatch_kernel_connections_unseen"), 2 * made_ - seen);
  EXPECT_EQ(sum_of(at_end, "closewatch_closures_total"), seen);
  EXPECT_EQ(ask(path(history_), kCounted), seen);
}

}  // namespace
}  // namespace closewatch::daemon_test
