// SPDX-License-Identifier: Apache-2.0
// What the daemon leaves in its history, asked with SQL as people do.
#include <gmock/gmock.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "tests/daemon/kept.h"
#include "tests/daemon/locked.h"
#include "tests/daemon/served.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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
    await("waiting for traffic", [&] { return load.connections() > before + 300; });
    configure("keep_closures = \"" + std::to_string(10 + i) + "d\"\n[metrics]\nenabled = false\n");
    reload();
    await("waiting for the session with these settings",
          [&] { return ask(file(), kStopped) == static_cast<std::uint64_t>(i + 1); });
  }
  load.stop();
  const storm::DriverResult made = load.wait().all();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_THAT(daemon().errors(), Not(HasSubstr("is held")));
  EXPECT_EQ(ask(file(), kStopped), 4U);
  EXPECT_EQ(ask(file(), kCounted), expect_nothing_lost(2 * made.connections()))
      << daemon().errors();
  EXPECT_EQ(ask(file(), kUnreadRows), made.of(storm::Ending::unread_data));
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss"), 0U);
}

TEST_F(history, the_next_start_tells_of_a_kill) {
  configure();
  start();
  const storm::DriverResult made = storm::run_load({.drivers = 1, .connections = 100}).all();
  await("waiting for the file", [&] { return ask(file(), kCounted) == 2 * made.connections(); });
  daemon().signal(SIGKILL);
  EXPECT_EQ(daemon().wait(), 128 + SIGKILL);
  start();
  await("waiting for the word of it",
        [&] { return daemon().errors().find("closewatch: history: ") != std::string::npos; });
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss WHERE kind = 'killed'"), 1U);
  EXPECT_EQ(ask(file(), kCounted), 2 * made.connections());
}

TEST_F(history, a_stop_that_cannot_write_says_what_is_missing) {
  configure();
  start();
  {
    const Locked locked(file());
    storm::run_load({.drivers = 1, .connections = 10, .mix{0, 0, 1}});
    storm::await_closed(0);
    ASSERT_EQ(stop(), 0) << daemon().errors();
  }
  // Both ends of each connection.
  EXPECT_THAT(daemon().errors(),
              HasSubstr("\nclosewatch: history: 20 rows and the rollups since the last flush could "
                        "not be written: database is locked\n"));
  start();
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_THAT(daemon().errors(), HasSubstr("the last run did not stop"));
}

// Other processes read it while it is written: whole lines, each of them a closure that explain
// knows.
TEST_F(history, is_read_while_it_is_written) {
  configure();
  start();
  storm::Load load({.drivers = 2, .mix{0, 0, 1}});
  await("waiting for rows", [&] { return ask(file(), kUnreadRows) > 100; });
  storm::Closewatch trace(
      {.program = {.path = program()},
       .arguments = {"trace", "--history", file(), "--reason", "unread_data", "-n", "100", "-j"}});
  ASSERT_EQ(trace.wait(), 0) << trace.errors();
  const std::vector<std::string> lines = storm::lines_of(trace.output());
  ASSERT_EQ(lines.size(), 100U);
  const auto closure = nlohmann::json::parse(lines.back());
  EXPECT_EQ(closure["reason"], "unread_data");
  storm::Closewatch explain(
      {.program = {.path = program()},
       .arguments = {"explain", closure["id"].get<std::string>(), "--history", file()}});
  ASSERT_EQ(explain.wait(), 0) << explain.errors();
  EXPECT_THAT(explain.output(), HasSubstr("\nabortive, unread_data\n"));
  const std::uint64_t before = load.connections();
  await("waiting for traffic", [&] { return load.connections() > before; });
  load.stop();
  load.wait();
  EXPECT_EQ(stop(), 0) << daemon().errors();
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss"), 0U);
}

// Else a time before it would look like a time without closures.
TEST_F(history, says_that_it_does_not_reach_to_what_is_compared) {
  configure();
  start();
  storm::run_load({.drivers = 1, .connections = 10});
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  storm::Closewatch report(
      {.program = {.path = program()},
       .arguments = {"report", "--history", file(), "--compare", "yesterday"}});
  ASSERT_EQ(report.wait(), 0) << report.errors();
  EXPECT_EQ(report.errors(),
            "closewatch: the history begins at " +
                ask_text(file(),
                         "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', min(minute) * 60, 'unixepoch') "
                         "FROM rollup") +
                "\n");
}

// The rules over what the daemon kept: without rows for graceful closures those that need them are
// named, the others tell what they told while it ran.
TEST_F(history, a_dry_run_over_it_says_what_it_can_judge) {
  configure(
      "graceful_rows_per_minute = 0\n[metrics]\nenabled = false\n[alerts]\nbuilt_in = false\n"
      "[[alerts.rule]]\nname = \"unread\"\nreason = [\"unread_data\"]\nthreshold = 20\n"
      "[[alerts.rule]]\nname = \"too_many\"\nreason = [\"unread_data\"]\nthreshold = 21\n"
      "[[alerts.rule]]\nname = \"part\"\nclass = [\"abortive\"]\nmeasure = \"share\"\n"
      "threshold = 0.01\n[[alerts.rule]]\nname = \"any\"\nthreshold = 1\n");
  start();
  storm::run_load({.drivers = 1, .connections = 30, .mix{1, 0, 0}});
  const storm::DriverResult aborted =
      storm::run_load({.drivers = 1, .connections = 20, .mix{0, 0, 1}}).all();
  storm::await_closed(0);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  ASSERT_EQ(aborted.of(storm::Ending::unread_data), 20U);

  storm::Closewatch dry_run(
      {.program = {.path = program()},
       .arguments = {"serve", "--config", path("closewatch.toml"), "--dry-run-alerts", file()}});
  ASSERT_EQ(dry_run.wait(), 0) << dry_run.errors();
  const std::string said = dry_run.output();
  // Of 50 connections both ends: 40 of the 20 aborted have a row, 60 of the 30 others have none.
  EXPECT_THAT(said, StartsWith("history: 100 closures, 40 of them with a row of their own; 60 "
                               "graceful ones are only counted\n"
                               "not judged: rule part: it is a share of all closures, graceful "
                               "ones included\n"
                               "not judged: rule any: it counts graceful closures too\n"));
  EXPECT_THAT(said, HasSubstr(" firing: unread: "));
  EXPECT_THAT(said, Not(HasSubstr("too_many")));
  EXPECT_THAT(said, HasSubstr("\n40 closures: 1 alerts fired, "));
}

// Each time in the middle of a storm. Lost is at most what ended since the last commit but one
// began; the file is whole, and every start but the first says what came before it.
TEST_F(history, survives_a_kill_again_and_again) {
  constexpr int kKills = 3;
  configure();
  std::uint64_t kept = 0;
  std::uint64_t made = 0;
  for (int i = 0; i < kKills; ++i) {
    start();
    storm::Load load({.drivers = 1, .mix{6, 2, 2}});
    std::uint64_t seen = kept;
    const auto await_commit = [&] {
      const std::uint64_t before = seen;
      await("waiting for a commit", [&] { return (seen = ask(file(), kCounted)) > before; });
    };
    await_commit();
    // The next commit may be under way; what has ended by now is in the one after it.
    const std::uint64_t safe = kept + 2 * load.connections();
    await_commit();
    await_commit();
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
    EXPECT_GE(kept, safe);
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
