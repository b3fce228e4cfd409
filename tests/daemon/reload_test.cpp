// SPDX-License-Identifier: Apache-2.0
// SIGHUP while connections end as fast as they can.
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "tests/daemon/kept.h"
#include "tests/daemon/served.h"
#include "tests/data/large_history.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class reload : public Served {};

TEST_F(reload, in_a_storm_loses_no_record) {
  configure();
  start();
  storm::Load load({.drivers = 2, .mix{6, 2, 2}});
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = load.connections();
    await("waiting for traffic", [&] { return load.connections() > before + 500; });
    Served::reload();
  }
  load.stop();
  const storm::DriverResult made = load.wait().all();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(2 * made.connections());
}

TEST_F(reload, of_a_wrong_configuration_changes_nothing) {
  configure();
  start();
  configure("no_such_key = 1\n[metrics]\nenabled = false\n");
  Served::reload();
  EXPECT_THAT(daemon().errors(), HasSubstr("closewatch: the configuration was not taken over"));
  EXPECT_THAT(daemon().errors(), HasSubstr("closewatch.toml:12:1: history.no_such_key"));
  const storm::DriverResult made = storm::run_load({.drivers = 1, .connections = 100}).all();
  storm::await_closed(0);
  configure();
  Served::reload();
  EXPECT_THAT(daemon().errors(), HasSubstr("closewatch: the configuration was read again"));
  ASSERT_EQ(stop(), 0);
  const auto account = storm::Account::of(daemon().errors());
  ASSERT_TRUE(account) << daemon().errors();
  EXPECT_EQ(account->recorded, 2 * made.connections());
}

// The check of the other file takes seconds, which the reload waits for and nothing else.
TEST_F(reload, to_a_history_that_takes_long_to_open_loses_no_record) {
  history_ = "other.db";
  configure();
  start();
  ASSERT_EQ(stop(), 0) << daemon().errors();
  change(path("other.db"),
         closewatch::testing::kNotStopped + closewatch::testing::slow_to_check(100));
  history_ = "history.db";
  configure();
  start();
  storm::Load load({.drivers = 2, .mix{6, 2, 2}});
  await("waiting for traffic", [&] { return load.connections() > 500; });
  history_ = "other.db";
  configure();
  Served::reload();
  const std::uint64_t before = load.connections();
  await("waiting for traffic", [&] { return load.connections() > before + 500; });
  load.stop();
  const storm::DriverResult made = load.wait().all();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_THAT(daemon().errors(), HasSubstr("history: the last run did not stop"));
  const std::uint64_t seen = expect_nothing_lost(2 * made.connections());
  const std::uint64_t other = ask(path("other.db"), kCounted);
  EXPECT_GE(other, 1000U);
  EXPECT_EQ(ask(path("history.db"), kCounted) + other, seen);
}

TEST_F(reload, tells_what_needs_a_restart) {
  configure();
  start();
  Served::reload();
  EXPECT_THAT(daemon().errors(), Not(HasSubstr("needs a restart")));
  std::ofstream(path("closewatch.toml"))
      << "[history]\nenabled = false\n[metrics]\nenabled = false\n";
  Served::reload();
  EXPECT_THAT(daemon().errors(), HasSubstr("what is new in [observe] and [log] needs a restart"));
  EXPECT_EQ(stop(), 0);
}

}  // namespace
}  // namespace closewatch::daemon_test
