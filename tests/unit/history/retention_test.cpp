// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/retention.h"

#include "tests/unit/history/history_file.h"
#include "userspace/history/histogram_blob.h"

namespace closewatch::history {
namespace {

constexpr std::uint64_t kTenMinutes = 600;

// As the writer does it, to the end.
RetentionCounts retain(const Settings& settings, std::int64_t now_ns, bool by_time = true) {
  auto database = Database::open(settings.path, Database::Mode::write, 5000);
  EXPECT_TRUE(database.ok());
  EXPECT_TRUE(add_histogram_function(*database).ok());
  Retention retention(settings);
  for (;;) {
    const auto more = retention.step(*database, now_ns, by_time);
    EXPECT_TRUE(more.ok()) << more.error().what;
    if (!more.ok() || !*more) {
      return retention.counts();
    }
  }
}

std::vector<Finding> abortive_each_minute(std::uint32_t minutes, std::uint32_t each) {
  std::vector<Finding> findings;
  for (std::uint32_t minute = 0; minute < minutes; ++minute) {
    for (std::uint32_t n = 0; n < each; ++n) {
      findings.push_back(abortive(n, minute * kMinute));
    }
  }
  return findings;
}

TEST(Retention, DeletesOldRowsAndKeepsTheirRollups) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_closures = std::chrono::minutes(10);
  settings.keep_rollups = std::chrono::minutes(60);
  write_history(settings, abortive_each_minute(30, 100));
  // 30 minutes have passed: rows of the minutes 20 to 29 are at most 10 minutes old.
  const RetentionCounts counts = retain(settings, kNoon + 30 * kMinute);
  EXPECT_EQ(counts.closures, 2000U);
  EXPECT_EQ(counts.rollups, 0U);
  const auto left = closures_in(folder.file());
  ASSERT_EQ(left.size(), 1000U);
  EXPECT_EQ(left.front(), abortive(0, 20 * kMinute));
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 3000U);
  EXPECT_EQ(report.all().unread(), 900'000U);
  EXPECT_EQ(report.all().tally.lost_closures, 3000U);
}

TEST(Retention, DeletesOldRollupsByWholeMinutes) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_closures = std::chrono::minutes(1);
  settings.keep_rollups = std::chrono::minutes(10);
  write_history(settings, abortive_each_minute(30, 3));
  const RetentionCounts counts = retain(settings, kNoon + 30 * kMinute);
  EXPECT_EQ(counts.rollups, 20U);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 30U);
  EXPECT_EQ(number_in(folder.file(), "SELECT min(minute) FROM rollup"),
            (kNoon + 20 * kMinute) / kMinute);
}

// What a report says of a time, to be compared with what it said before.
std::string said_of(const Folder& folder, const ReportSpan& span) {
  PerProcess report;
  report_of(folder.file(), report, span);
  const CloseTally tally = report.all().tally;
  return fmt::format(
      "{} closures, {} abortive, {} lost, {}+{} bytes, {} late, blocked {} p50 {} max {}",
      tally.closures(), tally.of(Class::abortive), tally.lost_closures, tally.discarded,
      tally.unread, tally.late_resets, tally.blocked_us.count(), tally.blocked_us.quantile(0.5),
      tally.blocked_us.max());
}

TEST(Retention, MakesHoursOfOldMinutesAndKeepsEverySum) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_minutes = std::chrono::hours(2);
  std::vector<Finding> findings;
  for (std::uint32_t minute = 0; minute < 240; ++minute) {  // four hours of three processes
    for (std::uint32_t n = 0; n < 3; ++n) {
      findings.push_back(n == 0 ? graceful(n, minute * kMinute) : abortive(n, minute * kMinute));
      findings.back().closure.process = task_of(100 + n, "p", 0);
      findings.back().verdict.blocked_us = minute;
    }
  }
  write_history(settings, findings);
  const ReportSpan first_hour{kNoon, kNoon + kHour};
  const std::string hour = said_of(folder, first_hour);
  EXPECT_EQ(hour,
            "180 closures, 120 abortive, 120 lost, 0+36000 bytes, 0 late, "
            "blocked 180 p50 29 max 59");
  const std::string day = said_of(folder, kTheDay);
  EXPECT_EQ(day.substr(0, 32), "720 closures, 480 abortive, 480 ");
  // Half past four: minutes until half past two are old, and so the first two hours.
  const RetentionCounts counts = retain(settings, kNoon + 4 * kHour + 30 * kMinute);
  EXPECT_EQ(counts.coarsened, 2U * 59 * 3);
  EXPECT_EQ(counts.rollups, 0U);
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM rollup WHERE minutes = 60"), 2 * 3);
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM rollup WHERE minutes = 1"), 120 * 3);
  EXPECT_EQ(said_of(folder, first_hour), hour);
  EXPECT_EQ(said_of(folder, kTheDay), day);
  // There is nothing more to do, and what comes late for such an hour still counts.
  EXPECT_EQ(retain(settings, kNoon + 4 * kHour + 30 * kMinute).coarsened, 0U);
  Finding late = graceful(9, 30 * kMinute);
  late.closure.process = task_of(100, "p", 0);
  write_history(settings, {late});
  EXPECT_EQ(retain(settings, kNoon + 4 * kHour + 30 * kMinute).coarsened, 1U);
  EXPECT_EQ(number_in(folder.file(), "SELECT sum(closures) FROM rollup WHERE minutes = 60"), 361);
}

// A minute of more combinations than one step takes.
TEST(Retention, MakesAnHourOfABusyMinuteInSteps) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_minutes = std::chrono::hours(1);
  settings.queue_closures = settings.pending_rows = 1U << 15;
  std::vector<Finding> findings;
  for (std::uint32_t n = 0; n < 5000; ++n) {
    findings.push_back(abortive(n, kMinute));
    findings.back().closure.process = task_of(1000 + n, "p", 0);
  }
  write_history(settings, findings);
  const std::string before = said_of(folder, kTheDay);
  auto database = Database::open(settings.path, Database::Mode::write, 5000);
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(add_histogram_function(*database).ok());
  Retention retention(settings);
  std::vector<std::uint64_t> steps;
  for (bool more = true; more;) {
    const auto step = retention.step(*database, kNoon + 3 * kHour, true);
    ASSERT_TRUE(step.ok()) << step.error().what;
    more = *step;
    steps.push_back(retention.counts().coarsened);
    EXPECT_EQ(said_of(folder, kTheDay), before);
  }
  steps.resize(3);
  EXPECT_EQ(steps, (std::vector<std::uint64_t>{2000, 4000, 5000}));
}

// How much SQLite does in the step that does most, and how many rows are gone after each.
struct Work {
  std::uint64_t most = 0;
  std::vector<std::uint64_t> deleted;
};

// Of a history that `sql` fills.
Work work_of(const std::string& sql, const Settings& settings, std::int64_t now_ns) {
  const Folder folder;
  write_history(settings_for(folder), {graceful(0, 5 * kHour)});
  auto database = Database::open(folder.file(), Database::Mode::write, 5000);
  EXPECT_TRUE(database.ok());
  EXPECT_TRUE(add_histogram_function(*database).ok());
  const auto made = database->run(sql);
  EXPECT_TRUE(made.ok()) << made.error().what;
  std::uint64_t steps_of_sqlite = 0;
  sqlite3_progress_handler(
      database->handle(), 100,
      [](void* count) {
        ++*static_cast<std::uint64_t*>(count);
        return 0;
      },
      &steps_of_sqlite);
  Retention retention(settings);
  Work work;
  for (bool more = true; more;) {
    steps_of_sqlite = 0;
    const auto step = retention.step(*database, now_ns, true);
    EXPECT_TRUE(step.ok()) << step.error().what;
    more = step.ok() && *step;
    work.most = std::max(work.most, steps_of_sqlite);
    const RetentionCounts& counts = retention.counts();
    work.deleted.push_back(counts.rollups + counts.losses + counts.sessions);
  }
  return work;
}

// The numbers from 0 on, as i.
std::string numbers(std::uint32_t count) {
  return fmt::format(
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {}) ", count - 1);
}

// An hour of so many rollups.
std::string rollups_of_an_hour(std::uint32_t count) {
  return numbers(count) + fmt::format(
                              "INSERT INTO rollup SELECT {}, i / 10, 'graceful', 'peer_first',"
                              " '10.0.0.' || (i % 10), 80, 1, 0, 0, 0, 0, NULL, NULL, 60 FROM n",
                              kNoon / kMinute);
}

std::string losses_of_noon(std::uint32_t count) {
  return numbers(count) + fmt::format(
                              "INSERT INTO loss(kind, since_ns, until_ns, events, records, note)"
                              " SELECT 'row', {0}, {0}, 1, 1, '' FROM n",
                              kNoon);
}

std::string sessions_of_noon(std::uint32_t count) {
  return numbers(count) + fmt::format(
                              "INSERT INTO session(boot, closewatch_version, tick_ns, started_ns,"
                              " flushed_ns, stopped_ns) SELECT 1, '', 0, {0}, {0}, {0} FROM n",
                              kNoon);
}

// The world stands still for a step: what it does must not grow with what there is to do.
TEST(Retention, DeletesRollupsInStepsHoweverManyOneHourHas) {
  Settings settings;
  settings.keep_closures = settings.keep_rollups = std::chrono::hours(2);
  const auto by_age = [&](std::uint32_t rollups) {
    return work_of(rollups_of_an_hour(rollups), settings, kNoon + 3 * kHour);
  };
  Work few = by_age(5000);
  ASSERT_GE(few.deleted.size(), 3U);
  few.deleted.resize(3);
  EXPECT_EQ(few.deleted, (std::vector<std::uint64_t>{2000, 4000, 5000}));
  EXPECT_GT(few.most, 0U);
  EXPECT_LE(by_age(50'000).most, few.most + few.most / 2);
}

TEST(Retention, DeletesRollupsOfTheFutureInSteps) {
  Settings settings;
  settings.max_bytes = 1 << 16;
  const auto ahead = [&](std::uint32_t rollups) {
    return work_of(rollups_of_an_hour(rollups), settings, kNoon - 48 * kHour);
  };
  Work few = ahead(5000);
  ASSERT_GE(few.deleted.size(), 3U);
  EXPECT_EQ(few.deleted[0], 2000U);
  EXPECT_EQ(few.deleted[1], 4000U);
  EXPECT_LE(ahead(50'000).most, few.most + few.most / 2);
}

// Of losses there may be one of a kind each second, of sessions one each start.
TEST(Retention, DeletesLossesAndSessionsInSteps) {
  Settings settings;
  settings.keep_closures = settings.keep_rollups = std::chrono::hours(2);
  const auto at_three = [&](const std::string& sql) {
    return work_of(sql, settings, kNoon + 3 * kHour);
  };
  // The session that made the file is one more.
  Work losses = at_three(losses_of_noon(5000));
  ASSERT_GE(losses.deleted.size(), 3U);
  losses.deleted.resize(3);
  EXPECT_EQ(losses.deleted, (std::vector<std::uint64_t>{2001, 4001, 5001}));
  EXPECT_LE(at_three(losses_of_noon(50'000)).most, losses.most + losses.most / 2);
  Work sessions = at_three(sessions_of_noon(5000));
  ASSERT_GE(sessions.deleted.size(), 3U);
  sessions.deleted.resize(3);
  EXPECT_EQ(sessions.deleted, (std::vector<std::uint64_t>{2000, 4000, 5001}));
  EXPECT_LE(at_three(sessions_of_noon(50'000)).most, sessions.most + sessions.most / 2);
}

// Losses that fill the file do not drive out what it is for.
TEST(Retention, LossesGoBySizeBeforeRecentRollups) {
  const Folder folder;
  Settings settings = settings_for(folder);
  write_history(settings, {abortive(1), abortive(2, -40 * kDay)});
  {
    auto database = Database::open(folder.file(), Database::Mode::write, 5000);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database
                    ->run(numbers(20'000) +
                          fmt::format("INSERT INTO loss(kind, since_ns, until_ns, events, records,"
                                      " note) SELECT 'row', {0} + i, {0} + i, 1, 1, '' FROM n",
                                      kNoon - 35 * kDay))
                    .ok());
  }
  settings.max_bytes = 1U << 18;
  const RetentionCounts counts = retain(settings, kNoon + kMinute);
  EXPECT_GT(counts.losses, 0U);
  EXPECT_EQ(counts.rollups, 1U);  // that of 40 days ago
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), 1U);
}

TEST(Retention, ForgetsProcessesThatNothingNames) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_closures = std::chrono::minutes(10);
  settings.keep_rollups = std::chrono::minutes(10);
  Finding old = abortive(1);
  old.closure.process = task_of(1, "old", 0);
  write_history(settings, {old, abortive(2, 29 * kMinute)});
  EXPECT_EQ(retain(settings, kNoon + 30 * kMinute).processes, 1U);
  // The two rows that stand for no process stay.
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM process"), 3);
  EXPECT_EQ(closures_in(folder.file()), std::vector{abortive(2, 29 * kMinute)});
}

TEST(Retention, KeepsTheFileBelowItsSizeAndTheRollupsExact) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.max_bytes = 1U << 20;
  settings.queue_closures = 1U << 17;
  settings.pending_rows = 1U << 17;
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  constexpr std::uint32_t kClosures = 20'000;
  for (std::uint32_t n = 0; n < kClosures; ++n) {
    writer->finding(abortive(n));
    if (n % 500 == 499) {
      writer->flush();
    }
  }
  await(*writer, [&](const Health& health) {
    return health.rows_waiting == 0 && health.taken == kClosures &&
           health.bytes <= settings.max_bytes && health.deleted.closures > 0;
  });
  ASSERT_TRUE(writer->stop().ok());
  const auto left = closures_in(folder.file());
  EXPECT_GT(left.size(), 1000U);
  EXPECT_LT(left.size(), kClosures);
  EXPECT_EQ(left.back(), abortive(kClosures - 1));  // the newest stay
  EXPECT_LE(std::filesystem::file_size(folder.file()), settings.max_bytes / 4 * 5);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().closures(), kClosures);
  EXPECT_EQ(report.all().unread(), std::uint64_t{kClosures} * 300);
}

TEST(Retention, GivesFreePagesBack) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_closures = std::chrono::minutes(1);
  settings.queue_closures = settings.pending_rows = 1U << 15;
  std::vector<Finding> many;
  for (std::uint32_t n = 0; n < 30'000; ++n) {
    many.push_back(abortive(n));
  }
  write_history(settings, many);
  const auto before = std::filesystem::file_size(folder.file());
  EXPECT_EQ(retain(settings, kNoon + kHour).closures, 30'000U);
  EXPECT_LT(std::filesystem::file_size(folder.file()), before / 2);
}

TEST(Retention, DeletesNothingByAgeWhileTheClockCannotBeReliedUpon) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_closures = settings.keep_rollups = std::chrono::minutes(10);
  write_history(settings, {abortive(1)});
  TestClock clock;
  clock.unix_ns += 365 * kDay;  // a clock that is wrong at the start
  Told told;
  const auto writer = started(settings, clock, told);
  writer->flush();
  writer->finding(abortive(2));
  writer->flush();
  await(*writer, [](const Health& health) { return health.flushes == 1; });
  EXPECT_EQ(writer->health().deleted.closures, 0U);
  // It was set right, and ten minutes have passed since.
  clock.unix_ns = kNoon;
  writer->finding(abortive(3));
  writer->flush();
  await(*writer, [](const Health& health) { return health.clock_jumps == 1; });
  clock.pass(static_cast<std::int64_t>(kTenMinutes + 60) * kSecond);
  writer->finding(abortive(4, 11 * kMinute));
  writer->flush();
  await(*writer, [](const Health& health) { return health.deleted.closures == 3; });
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(closures_in(folder.file()), std::vector{abortive(4, 11 * kMinute)});
}

// A clock that is set months ahead by mistake does not take the history with it.
TEST(Retention, DeletesNothingByAgeForADayWhenTheClockWasSetFarAhead) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_closures = settings.keep_rollups = std::chrono::hours(24 * 30);
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  clock.pass(kHour);  // it can be relied upon
  const auto flushed = [&](std::uint32_t number, std::int64_t after) {
    const std::uint64_t flushes = writer->health().flushes;
    writer->finding(abortive(number, after));
    writer->flush();
    await(*writer, [&](const Health& health) { return health.flushes > flushes; });
    return writer->health().deleted.closures;
  };
  EXPECT_EQ(flushed(1, kHour), 0U);
  clock.unix_ns += 60 * kDay;
  EXPECT_EQ(flushed(2, 60 * kDay + kHour), 0U);
  clock.pass(kDay - kMinute);
  clock.unix_ns += 5 * kSecond;  // what NTP does later makes it no more reliable
  EXPECT_EQ(flushed(3, 61 * kDay), 0U);
  EXPECT_EQ(told.with("the wall clock was set by +5184000 s; nothing is deleted by age for a day"),
            1U);
  EXPECT_EQ(told.with("the wall clock was set by +5 s; nothing is deleted by age for 10 minutes"),
            1U);
  clock.pass(2 * kMinute);
  EXPECT_EQ(flushed(4, 61 * kDay + kHour), 0U);
  clock.pass(10 * kMinute);
  EXPECT_EQ(flushed(5, 61 * kDay + kHour), 1U);
  ASSERT_TRUE(writer->stop().ok());
}

// Set right again, it is relied upon as soon as after any other setting.
TEST(Retention, DeletesByAgeAgainOnceTheClockWasSetBack) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.keep_closures = settings.keep_rollups = std::chrono::minutes(30);
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  clock.unix_ns += 60 * kDay;
  writer->finding(abortive(1));
  writer->flush();
  await(*writer, [](const Health& health) { return health.clock_jumps == 1; });
  clock.unix_ns -= 60 * kDay;
  writer->finding(abortive(2));
  writer->flush();
  await(*writer, [](const Health& health) { return health.clock_jumps == 2; });
  clock.pass(kHour);
  writer->finding(abortive(3, kHour));
  writer->flush();
  await(*writer, [](const Health& health) { return health.deleted.closures == 2; });
  ASSERT_TRUE(writer->stop().ok());
}

TEST(Retention, WhatTheClockPutIntoTheFutureGoesFirst) {
  const Folder folder;
  Settings settings = settings_for(folder);
  std::vector<Finding> findings;
  for (std::uint32_t n = 0; n < 3000; ++n) {
    findings.push_back(abortive(n));
    findings.push_back(abortive(n, 900 * kDay));
  }
  write_history(settings, findings);
  settings.max_bytes = 1U << 19;
  retain(settings, kNoon + kMinute);
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM rollup"), 1);
  const auto left = closures_in(folder.file(), {0, kNoon + 1000 * kDay});
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.back(), abortive(2999));
}

}  // namespace
}  // namespace closewatch::history
