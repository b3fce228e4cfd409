// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/writer.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/unit/history/history_file.h"
#include "userspace/history/schema.h"

namespace closewatch::history {
namespace {

TEST(Writer, KeepsRowsOfWhatIsNotPlainGraceful) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.graceful_rows_per_minute = 0;
  Finding lossy = graceful(1);
  lossy.verdict.lost = true;
  lossy.closure.unacked = 10;
  Finding lingered = graceful(3);
  lingered.verdict.cls = Class::lingered;
  lingered.verdict.reason = Reason::linger_completed;
  write_history(settings, {graceful(0), lossy, abortive(2), lingered});
  EXPECT_EQ(closures_in(folder.file()), (std::vector{lossy, abortive(2), lingered}));
}

TEST(Writer, KeepsGracefulRowsWithinTheBudgetOfEachMinute) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.graceful_rows_per_minute = 2;
  write_history(settings, {graceful(0), graceful(1), graceful(2), abortive(3), graceful(4, kMinute),
                           graceful(5, kMinute), graceful(6, kMinute)});
  EXPECT_EQ(closures_in(folder.file()), (std::vector{graceful(0), graceful(1), abortive(3),
                                                     graceful(4, kMinute), graceful(5, kMinute)}));
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 7U);
}

TEST(Writer, MakesARowOfAGracefulOneThatTurnsOutBad) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.graceful_rows_per_minute = 0;
  Correction late = correction_of(graceful(1));
  late.verdict = data_after_close();
  Correction later = correction_of(graceful(1));
  later.amendment.unread = 9;
  write_history(settings, {graceful(1), graceful(2)}, {late, later});
  const auto found = closures_in(folder.file());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, graceful(1).id);
  EXPECT_EQ(found[0].verdict.reason, Reason::data_after_close);
  EXPECT_EQ(found[0].closure.unread, 9U);
}

// Other settings hold from then on, and what was remembered before is still known.
TEST(Writer, GoesOverToOtherSettingsAndForgetsNothing) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.graceful_rows_per_minute = 0;
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  writer->finding(graceful(0));
  writer->finding(graceful(1));
  writer->flush();
  await(*writer, [](const Health& health) { return health.taken == 2; });
  settings.graceful_rows_per_minute = 600;
  writer->take_over(settings);
  const std::string stopped = "SELECT count(*) FROM session WHERE stopped_ns IS NOT NULL";
  await([&] { return number_in(folder.file(), stopped) != 0; });
  Correction late = correction_of(graceful(1));
  late.verdict = data_after_close();
  writer->finding(graceful(2));
  writer->correction(late);
  ASSERT_TRUE(writer->stop().ok());
  const auto found = closures_in(folder.file());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].verdict.reason, Reason::data_after_close);
  EXPECT_EQ(found[1], graceful(2));
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 3U);
  EXPECT_EQ(report.losses().late_facts, 0U);
  EXPECT_EQ(number_in(folder.file(), stopped), 2);
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM session"), 2);
  EXPECT_TRUE(told.texts.empty());
}

TEST(Writer, CountsWhatItCouldNotTakeInTime) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.queue_closures = 64;
  TestClock clock;
  Told told;
  // The thread is kept from taking: it waits for the clock while it looks at its first batch.
  std::mutex held;
  std::unique_lock holding(held);
  Surroundings around = surroundings(clock, told);
  std::atomic<bool> in_thread = false;
  std::atomic<bool> armed = false;
  around.unix_ns = [&] {
    if (armed) {
      in_thread = true;
      const std::lock_guard wait(held);
    }
    return clock.unix_ns.load();
  };
  auto writer = Writer::start(settings, kSource, around);
  ASSERT_TRUE(writer.ok());
  armed = true;
  (*writer)->finding(abortive(0));
  (*writer)->flush();
  await([&] { return in_thread.load(); });
  for (std::uint32_t n = 1; n <= 100; ++n) {
    (*writer)->finding(abortive(n));
  }
  (*writer)->correction(correction_of(abortive(1)));
  EXPECT_EQ((*writer)->health().waiting, 64U);
  EXPECT_EQ((*writer)->health().refused, 36U);
  EXPECT_EQ((*writer)->health().late_facts, 1U);
  armed = false;
  holding.unlock();
  ASSERT_TRUE((*writer)->stop().ok());
  EXPECT_EQ((*writer)->health().taken, 65U);
  EXPECT_EQ(closures_in(folder.file()).size(), 65U);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 65U);
  EXPECT_EQ(report.losses().records, 36U);
  EXPECT_EQ(report.losses().late_facts, 1U);
  EXPECT_EQ(report.losses().since_unix_ns, kNoon + 65);
}

TEST(Writer, TellsWhatTheRingLost) {
  const Folder folder;
  TestClock clock;
  clock.unix_ns = kNoon + kSecond;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  writer->gap({.lost_records = 5, .since_unix_ns = kNoon + 7});
  writer->gap({.lost_records = 6, .since_unix_ns = kNoon + 9});
  ASSERT_TRUE(writer->stop().ok());
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.losses().records, 11U);
  EXPECT_EQ(report.losses().gaps, 2U);
  EXPECT_EQ(report.losses().since_unix_ns, kNoon + 7);
}

TEST(Writer, TheSameCaptureTwiceIsOneSetOfRows) {
  const Folder folder;
  write_history(settings_for(folder), {abortive(1), abortive(2)});
  write_history(settings_for(folder), {abortive(1), abortive(2)});
  EXPECT_EQ(closures_in(folder.file()), (std::vector{abortive(1), abortive(2)}));
}

TEST(Writer, SurvivesADatabaseThatSomebodyHoldsLocked) {
  const Folder folder;
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  auto other = Database::open(folder.file(), Database::Mode::write, 5000);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->run("BEGIN IMMEDIATE").ok());
  writer->finding(abortive(1));
  writer->flush();
  await(*writer, [](const Health& health) { return health.failures >= 2; });
  EXPECT_FALSE(writer->health().writable);
  EXPECT_EQ(writer->health().rows_waiting, 1U);
  EXPECT_EQ(told.with("database is locked"), 1U);  // told once, however often it fails
  writer->finding(abortive(2));
  writer->flush();
  ASSERT_TRUE(other->run("ROLLBACK").ok());
  await(*writer, [](const Health& health) { return health.rows_written == 2; });
  EXPECT_EQ(told.with("can be written again"), 1U);
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(closures_in(folder.file()), (std::vector{abortive(1), abortive(2)}));
}

TEST(Writer, StartsWhileTheDatabaseIsLocked) {
  const Folder folder;
  write_history(settings_for(folder), {});
  auto other = Database::open(folder.file(), Database::Mode::write, 5000);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->run("BEGIN IMMEDIATE").ok());
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  EXPECT_FALSE(writer->health().writable);
  writer->finding(abortive(1));
  ASSERT_TRUE(other->run("ROLLBACK").ok());
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(closures_in(folder.file()), std::vector{abortive(1)});
}

TEST(Writer, RefusesRowsBeyondWhatMayWaitButCountsThemAll) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.pending_rows = 64;
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  auto other = Database::open(folder.file(), Database::Mode::write, 5000);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->run("BEGIN IMMEDIATE").ok());
  for (std::uint32_t n = 0; n < 100; ++n) {
    writer->finding(abortive(n));
  }
  writer->flush();
  await(*writer, [](const Health& health) { return health.taken == 100; });
  EXPECT_EQ(writer->health().rows_refused, 36U);
  ASSERT_TRUE(other->run("ROLLBACK").ok());
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(closures_in(folder.file()).size(), 64U);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 100U);
  EXPECT_EQ(report.all().unread(), 30'000U);
  EXPECT_EQ(number_in(folder.file(), "SELECT records FROM loss WHERE kind = 'row'"), 36);
}

// Somebody else's table takes all the room that the file may have, and gives it back.
TEST(Writer, SurvivesAFullDisk) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.max_bytes = 1U << 20;
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  auto other = Database::open(folder.file(), Database::Mode::write, 5000);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->run("CREATE TABLE hog(x); INSERT INTO hog VALUES(zeroblob(2000000))").ok());
  for (std::uint32_t n = 0; n < 500; ++n) {
    writer->finding(abortive(n));
  }
  writer->flush();
  await(*writer, [](const Health& health) { return health.failures >= 2; });
  EXPECT_EQ(writer->health().rows_waiting, 500U);
  EXPECT_EQ(told.with("database or disk is full"), 1U);
  ASSERT_TRUE(other->run("DROP TABLE hog").ok());
  await(*writer, [](const Health& health) { return health.rows_written == 500; });
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(closures_in(folder.file()).size(), 500U);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 500U);
}

TEST(Writer, SaysWhatItCouldNotWriteAtTheEnd) {
  const Folder folder;
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  auto other = Database::open(folder.file(), Database::Mode::write, 5000);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->run("BEGIN IMMEDIATE").ok());
  writer->finding(abortive(1));
  const auto stopped = writer->stop();
  ASSERT_FALSE(stopped.ok());
  EXPECT_NE(stopped.error().what.find("1 rows"), std::string::npos);
  EXPECT_NE(stopped.error().what.find("database is locked"), std::string::npos);
}

TEST(Writer, TellsAClockThatJumps) {
  const Folder folder;
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  clock.unix_ns += 3 * kHour;
  writer->finding(abortive(1));
  writer->flush();
  await(*writer, [](const Health& health) { return health.clock_jumps == 1; });
  clock.pass(kMinute);  // no jump: both clocks go on
  clock.unix_ns -= 4 * kHour;
  writer->finding(abortive(2));
  writer->flush();
  await(*writer, [](const Health& health) { return health.clock_jumps == 2; });
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(told.with("the wall clock was set by +10800 s"), 1U);
  EXPECT_EQ(told.with("the wall clock was set by -14400 s"), 1U);
  EXPECT_EQ(closures_in(folder.file()), (std::vector{abortive(1), abortive(2)}));
  EXPECT_EQ(number_in(folder.file(), "SELECT sum(events) FROM loss WHERE kind = 'clock'"), 2);
}

TEST(Writer, RefusesSettingsThatMakeNoSense) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.queue_closures = 0;
  const auto writer = Writer::start(settings, kSource, {});
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().what, "history: queue_closures must be 64 to 1048576");
  EXPECT_EQ(writer.error().code, ExitCode::usage);
}

// A writer is killed while it writes, again and again: each time the file is sound, holds whole
// transactions only, and the next start says what happened.
TEST(Writer, SurvivesKill9) {
  const Folder folder;
  constexpr std::uint32_t kEach = 1000;
  for (std::uint32_t round = 0; round < 8; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto writer = Writer::start(settings_for(folder), kSource, {});
      for (std::uint32_t n = 0; writer.ok(); ++n) {
        (*writer)->finding(abortive(round * 10'000'000 + n));
        if (n % kEach == kEach - 1) {
          (*writer)->flush();
          const Health health = (*writer)->health();
          if (health.rows_written > 0) {  // something is in the file: may be killed at any moment
            (void)!::write(pipe_ends[1], "x", 1);
          }
          await(**writer, [](const Health& is) { return is.waiting <= 16'000; });
        }
      }
      ::_exit(1);
    }
    char told = 0;
    ASSERT_EQ(::read(pipe_ends[0], &told, 1), 1);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);

    Told words;
    TestClock clock;
    const auto writer = started(settings_for(folder), clock, words);
    ASSERT_TRUE(writer->opening().has_value());
    EXPECT_TRUE(writer->opening()->killed_ns.has_value());
    EXPECT_EQ(words.with("the last run did not stop"), 1U);
    ASSERT_TRUE(writer->stop().ok());
  }
  auto database = Database::open(folder.file(), Database::Mode::read, 0);
  ASSERT_TRUE(database.ok());
  auto check = database->prepare("PRAGMA integrity_check");
  ASSERT_TRUE(check.ok());
  ASSERT_TRUE(check->step().ok());
  EXPECT_EQ(check->text(), "ok");
  // Rows and rollups were committed together.
  EXPECT_GT(number_in(folder.file(), "SELECT count(*) FROM closure"), 0);
  EXPECT_EQ(number_in(folder.file(), "SELECT sum(closures) FROM rollup"),
            number_in(folder.file(), "SELECT count(*) FROM closure"));
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM loss WHERE kind = 'killed'"), 8);
}

}  // namespace
}  // namespace closewatch::history
