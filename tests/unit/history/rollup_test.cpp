// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/rollup.h"

#include "tests/unit/history/history_file.h"
#include "userspace/report/ranking.h"

namespace closewatch::history {
namespace {

TEST(Minute, IsRoundedDown) {
  EXPECT_EQ(minute_of(kNoon), kNoon / kMinute);
  EXPECT_EQ(minute_of(kNoon - 1), kNoon / kMinute - 1);
  EXPECT_EQ(minute_of(kNoon + kMinute - 1), kNoon / kMinute);
  EXPECT_EQ(minute_of(-1), -1);
}

TEST(ServicePort, IsThatOfTheSideThatListens) {
  Closure closure;
  closure.local.port = 80;
  closure.peer.port = 50000;
  EXPECT_EQ(service_port(closure), 80);
  closure.local.port = 50000;
  closure.peer.port = 443;
  closure.facts.active_open = true;
  EXPECT_EQ(service_port(closure), 443);
  closure.facts.active_open = false;
  closure.facts.before_start = true;
  EXPECT_EQ(service_port(closure), 443);
}

TEST(Rollup, TellsApartNoMoreThanItMayAndStaysExact) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.rollup_keys_per_minute = 100;
  settings.graceful_rows_per_minute = 0;
  std::vector<Finding> findings;
  for (std::uint32_t n = 0; n < 1000; ++n) {  // each process has a network of its own
    Finding finding = graceful(n);
    finding.closure.process = task_of(1000 + n, "forked", 0);
    finding.closure.peer.address[13] = static_cast<std::uint8_t>(n >> 8);
    finding.closure.peer.address[14] = static_cast<std::uint8_t>(n);
    finding.verdict.drain_us = n;
    findings.push_back(finding);
  }
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  for (const Finding& finding : findings) {
    writer->finding(finding);
  }
  ASSERT_TRUE(writer->stop().ok());
  EXPECT_EQ(writer->health().rollups_folded, 900U);
  EXPECT_EQ(writer->health().rollups_refused, 0U);
  // 100 whole ones, 100 processes without network, and the rest together.
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM rollup"), 201);
  EXPECT_EQ(number_in(folder.file(), "SELECT closures FROM rollup WHERE process = 0"), 800);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.processes().size(), 200U);
  EXPECT_EQ(report.other().closures(), 800U);
  EXPECT_EQ(report.all().closures(), 1000U);
  EXPECT_EQ(report.all().tally.drain_us.count(), 1000U);
  EXPECT_EQ(report.all().tally.drain_us.max(), 999U);
}

TEST(Rollup, AddsToAMinuteThatASessionBeforeBegan) {
  const Folder folder;
  Finding first = graceful(1);
  first.verdict.blocked_us = 5;
  Finding second = graceful(2);
  second.verdict.blocked_us = 7;
  write_history(settings_for(folder), {first});
  write_history(settings_for(folder), {second});
  EXPECT_EQ(number_in(folder.file(), "SELECT count(*) FROM rollup"), 1);
  EXPECT_EQ(number_in(folder.file(), "SELECT closures FROM rollup"), 2);
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.all().tally.blocked_us.count(), 2U);
  EXPECT_EQ(report.all().tally.blocked_us.max(), 7U);
}

TEST(Rollup, MovesAnAmendedClosureWithItsBytes) {
  const Folder folder;
  Correction late = correction_of(graceful(1));
  late.verdict = data_after_close();
  late.amendment.unread = 9;
  write_history(settings_for(folder), {graceful(1), graceful(2)}, {late});
  EXPECT_EQ(number_in(folder.file(), "SELECT closures FROM rollup WHERE class = 'graceful'"), 1);
  EXPECT_EQ(number_in(folder.file(), "SELECT closures FROM rollup WHERE class = 'abortive'"), 1);
  EXPECT_EQ(number_in(folder.file(), "SELECT unread FROM rollup WHERE class = 'abortive'"), 9);
  EXPECT_EQ(number_in(folder.file(), "SELECT lost_closures FROM rollup WHERE class = 'abortive'"),
            1);
}

TEST(Rollup, MovesAClosureToTheProcessThatALateFactNames) {
  const Folder folder;
  Finding nobodys = graceful(1);
  nobodys.closure.process = {};
  Correction late = correction_of(nobodys);
  late.amendment.process = task_of(77, "closer", 0);
  late.amendment.unread = 9;
  write_history(settings_for(folder), {nobodys}, {late});
  PerProcess report;
  report_of(folder.file(), report);
  const std::vector<const ProcessReport*> shown = worst_first(report);
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0]->process.pid, 77U);
  EXPECT_EQ(shown[0]->closures(), 1U);
  EXPECT_EQ(shown[0]->tally.lost_closures, 1U);
  EXPECT_EQ(report.all().closures(), 1U);
  EXPECT_EQ(report.all().unread(), 9U);
}

TEST(Rollup, ALateFactOfNobodyIsCounted) {
  const Folder folder;
  Correction late = correction_of(graceful(7));
  late.amendment.unread = 50;
  write_history(settings_for(folder), {graceful(1)}, {late});
  PerProcess report;
  report_of(folder.file(), report);
  EXPECT_EQ(report.losses().late_facts, 1U);
  EXPECT_EQ(report.losses().late_unread, 50U);
  EXPECT_EQ(report.all().unread(), 0U);
}

}  // namespace
}  // namespace closewatch::history
