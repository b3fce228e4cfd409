// SPDX-License-Identifier: Apache-2.0
// What the daemon leaves in its history, asked with SQL as people do.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/daemon/kept.h"
#include "tests/daemon/served.h"
#include "tests/storm/await.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kUnreadRows = "SELECT count(*) FROM closure WHERE reason = 'unread_data'";
constexpr const char* kStopped = "SELECT count(*) FROM session WHERE stopped_ns IS NOT NULL";

class history : public Served {
 protected:
  [[nodiscard]] std::string file() const { return path("history.db"); }
};

TEST_F(history, a_stop_leaves_every_closure_in_it) {
  configure();
  start();
  const storm::DriverResult made =
      storm::run_load({.drivers = 2, .connections = 500, .mix{6, 2, 2}}).all();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_EQ(ask(file(), kCounted), 2 * made.connections());
  EXPECT_EQ(ask(file(), kUnreadRows), made.of(storm::Ending::unread_data));
  EXPECT_EQ(ask(file(), kStopped), 1U);
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss"), 0U);
}

TEST_F(history, other_settings_in_a_storm_lose_nothing) {
  configure();
  start();
  storm::Load load({.drivers = 2, .mix{6, 2, 2}});
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t before = load.connections();
    storm::await("waiting for traffic", [&] { return load.connections() > before + 300; });
    configure("keep_closures = \"" + std::to_string(10 + i) + "d\"\n[metrics]\nenabled = false\n");
    reload();
  }
  load.stop();
  const storm::DriverResult made = load.wait().all();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_EQ(ask(file(), kCounted), 2 * made.connections()) << daemon().errors();
  EXPECT_EQ(ask(file(), kUnreadRows), made.of(storm::Ending::unread_data));
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss"), 0U);
}

TEST_F(history, the_next_start_tells_of_a_kill) {
  configure();
  start();
  const storm::DriverResult made = storm::run_load({.drivers = 1, .connections = 100}).all();
  storm::await("waiting for the file",
               [&] { return ask(file(), kCounted) == 2 * made.connections(); });
  daemon().signal(SIGKILL);
  EXPECT_EQ(daemon().wait(), 128 + SIGKILL);
  start();
  storm::await("waiting for the word of it", [&] {
    return daemon().errors().find("closewatch: history: ") != std::string::npos;
  });
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss WHERE kind = 'killed'"), 1U);
  EXPECT_EQ(ask(file(), kCounted), 2 * made.connections());
}

// Each time in the middle of a storm. What had been seen in the file stays, the file is whole, and
// every start but the first says what came before it.
TEST_F(history, survives_a_kill_again_and_again) {
  constexpr int kKills = 3;
  configure();
  std::uint64_t kept = 0;
  std::uint64_t made = 0;
  for (int i = 0; i < kKills; ++i) {
    start();
    storm::Load load({.drivers = 1, .mix{6, 2, 2}});
    std::uint64_t seen = 0;
    storm::await("waiting for the file", [&] { return (seen = ask(file(), kCounted)) > kept; });
    daemon().signal(SIGKILL);
    EXPECT_EQ(daemon().wait(), 128 + SIGKILL);
    load.stop();
    made += 2 * load.wait().all().connections();
    storm::await_closed(0);
    EXPECT_EQ(ask_text(file(), "PRAGMA quick_check"), "ok");
    EXPECT_EQ(ask_text(file(), "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss WHERE kind = 'killed'"),
              static_cast<std::uint64_t>(i));
    kept = ask(file(), kCounted);
    EXPECT_GE(kept, seen);
    EXPECT_LE(kept, made);
  }
  start();
  const std::uint64_t more =
      2 * storm::run_load({.drivers = 1, .connections = 100}).all().connections();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_THAT(daemon().errors(),
              HasSubstr("the last run did not stop: its history is whole up to"));
  EXPECT_EQ(ask(file(), kCounted), kept + more);
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss WHERE kind = 'killed'"),
            static_cast<std::uint64_t>(kKills));
}

}  // namespace
}  // namespace closewatch::daemon_test
