// SPDX-License-Identifier: Apache-2.0
// What the service manager hears from the start to the end, and the account that closes it.
#include <gmock/gmock.h>

#include "tests/daemon/served.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class states : public Served {};

TEST_F(states, ready_alive_stopping) {
  configure();
  watchdog_us_ = "30000";  // 30 ms: it looks every 10
  start();
  EXPECT_THAT(manager().heard().front(), StartsWith("READY=1\nSTATUS=watching (base hooks): "));
  manager().await("WATCHDOG=1");
  manager().await("WATCHDOG=1");
  ASSERT_EQ(stop(), 0) << daemon().errors();
  manager().await("STOPPING=1");
}

// Nothing to read, after there was something: that is no hang.
TEST_F(states, alive_in_the_quiet_after_a_storm) {
  configure();
  watchdog_us_ = "3000000";  // 3 s: it looks every second
  start();
  storm::run_load({.drivers = 1, .connections = 50, .mix{0, 0, 1}});
  storm::await_closed(0);
  // Up to four of them were sent before the last closure had been read.
  for (int beat = 0; beat < 8; ++beat) {
    manager().await("WATCHDOG=1");
  }
  EXPECT_EQ(stop(), 0) << daemon().errors();
}

TEST_F(states, a_clean_stop_accounts_for_everything) {
  configure();
  start();
  const storm::DriverResult made =
      storm::run_load({.drivers = 2, .connections = 1000, .mix{6, 2, 2}}).all();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(2 * made.connections());
}

TEST_F(states, a_wrong_configuration_starts_nothing) {
  configure("[observe2]\n");
  storm::Closewatch refused({.program = {.path = program()},
                             .arguments = {"serve", "--config", path("closewatch.toml")}});
  EXPECT_FALSE(refused.watches());
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.errors(),
              HasSubstr("closewatch.toml:12:2: observe2: no such key; is observe"));
}

}  // namespace
}  // namespace closewatch::daemon_test
