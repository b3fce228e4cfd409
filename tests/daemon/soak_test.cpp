// SPDX-License-Identifier: Apache-2.0
// Closures for as long as wanted (--soak SECONDS), each burst from new processes, with every number
// exact and memory that stays within its bounds.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <thread>

#include "tests/daemon/kept.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/storm/await.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBurstEvery{100};
constexpr std::uint64_t kBurst = 100;  // connections
// At most, after the first quarter. What may still fill then: the page cache of SQLite (8 MiB), the
// processes that the enricher knows (4096), the windows of the rules (5 minutes).
constexpr std::uint64_t kGrowthKib = 12'288;
constexpr std::uint64_t kMemoryKib = 65'536;  // at most, at all

class soak : public Served {
 protected:
  soak() { watchdog_us_ = "300000"; }  // it looks every 100 ms
};

TEST_F(soak, memory_is_bounded_and_every_count_exact) {
  const std::string socket_path = path("metrics.sock");
  configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path + "\"\n");
  start();
  const auto began = steady_clock::now();
  const auto end = began + time_to_soak();
  const auto warm_at = began + time_to_soak() / 4;
  std::uint64_t made = 0;
  std::uint64_t warm_kib = 0;
  for (auto next = began; next < end; next += kBurstEvery) {
    std::this_thread::sleep_until(next);
    made +=
        storm::run_load({.drivers = 1, .connections = kBurst, .mix{6, 2, 2}}).all().connections();
    get(socket_path, "/metrics");
    if (warm_kib == 0 && steady_clock::now() >= warm_at) {
      warm_kib = rss_kib();
    }
  }
  storm::await_closed(0);
  storm::await("waiting for the metrics", [&] {
    return sum_of(get(socket_path, "/metrics"), "closewatch_closures_total") >= 2 * made;
  });
  EXPECT_EQ(sum_of(get(socket_path, "/metrics"), "closewatch_closures_total"), 2 * made);
  const std::uint64_t end_kib = rss_kib();
  std::cout << 2 * made << " closures; memory " << warm_kib << " KiB after a quarter, " << end_kib
            << " KiB at the end\n";
  EXPECT_LE(end_kib, warm_kib + kGrowthKib);
  EXPECT_LE(end_kib, kMemoryKib);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  const auto account = storm::Account::of(daemon().errors());
  ASSERT_TRUE(account) << daemon().errors();
  storm::expect_identities(*account);
  EXPECT_EQ(account->recorded, 2 * made);
  EXPECT_EQ(account->lost, 0U);
  EXPECT_EQ(ask(path("history.db"), kCounted), 2 * made);
}

}  // namespace
}  // namespace closewatch::daemon_test
