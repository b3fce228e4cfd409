// SPDX-License-Identifier: Apache-2.0
// What is read back of a history: the same report as over the closures themselves, for any time and
// grouping, while it is written and by other processes.
#include "userspace/history/reader.h"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "tests/unit/history/history_file.h"

namespace closewatch::history {
namespace {

// Some of everything, of a few processes, over an hour; always the same.
std::vector<Finding> a_busy_hour() {
  std::mt19937 random(7);
  std::vector<Finding> findings;
  for (std::uint32_t n = 0; n < 5000; ++n) {
    Finding finding = graceful(n, static_cast<std::int64_t>(n) * 720'000'000);
    finding.verdict.reason = static_cast<Reason>(random() % kReasonCount);
    finding.verdict.cls = class_of(finding.verdict.reason);
    finding.closure.process = task_of(static_cast<std::uint32_t>(100 + random() % 7), "worker", 5);
    if (random() % 10 == 0) {
      finding.closure.process = {};
      finding.process = {};
    }
    finding.closure.peer.address[14] = static_cast<std::uint8_t>(random() % 5);
    finding.closure.peer.address[15] = static_cast<std::uint8_t>(random());
    finding.closure.unacked = random() % 3 == 0 ? static_cast<std::uint32_t>(random() % 5000) : 0;
    finding.closure.unread = random() % 4 == 0 ? static_cast<std::uint32_t>(random() % 9000) : 0;
    finding.verdict.lost = finding.closure.unacked + finding.closure.unread > 0;
    finding.closure.facts.late_data_reset = random() % 9 == 0;
    if (random() % 2 == 0) {
      finding.verdict.blocked_us = random() % 100'000;
    }
    if (random() % 3 == 0) {
      finding.verdict.drain_us = random();
    }
    findings.push_back(finding);
  }
  return findings;
}

// With amendments of some, right behind them.
void give(const std::vector<Finding>& findings, Sink& sink) {
  for (std::size_t n = 0; n < findings.size(); ++n) {
    sink.finding(findings[n]);
    if (n % 11 != 0) {
      continue;
    }
    Correction correction = correction_of(findings[n]);
    if (n % 2 == 0) {
      correction.verdict = data_after_close();
    }
    correction.amendment.unread = n % 3 == 0 ? 10'000 : 0;
    correction.amendment.facts.late_data_reset = n % 5 == 0;
    sink.correction(correction);
  }
}

void expect_same(const CloseTally& found, const CloseTally& expected) {
  EXPECT_EQ(found.classes, expected.classes);
  EXPECT_EQ(found.reasons, expected.reasons);
  EXPECT_EQ(found.lost_closures, expected.lost_closures);
  EXPECT_EQ(found.discarded, expected.discarded);
  EXPECT_EQ(found.unread, expected.unread);
  EXPECT_EQ(found.late_resets, expected.late_resets);
  for (const auto member : {&CloseTally::blocked_us, &CloseTally::drain_us}) {
    EXPECT_EQ((found.*member).count(), (expected.*member).count());
    EXPECT_EQ((found.*member).max(), (expected.*member).max());
    for (const double fraction : {0.5, 0.9, 0.99}) {
      EXPECT_EQ((found.*member).quantile(fraction), (expected.*member).quantile(fraction));
    }
  }
}

TEST(Reader, ReportsWhatTheClosuresThemselvesGive) {
  const Folder folder;
  const std::vector<Finding> findings = a_busy_hour();
  Settings settings = settings_for(folder);
  settings.graceful_rows_per_minute = 3;
  TestClock clock;
  Told told;
  const auto writer = started(settings, clock, told);
  give(findings, *writer);
  ASSERT_TRUE(writer->stop().ok());
  PerProcess direct;
  give(findings, direct);
  PerProcess stored;
  report_of(folder.file(), stored);
  expect_same(stored.all().tally, direct.all().tally);
  ASSERT_EQ(stored.processes().size(), direct.processes().size());
  for (const ProcessReport& expected : direct.processes()) {
    const auto found = std::find_if(stored.processes().begin(), stored.processes().end(),
                                    [&expected](const ProcessReport& report) {
                                      return report.process.pid == expected.process.pid;
                                    });
    ASSERT_NE(found, stored.processes().end());
    EXPECT_EQ(found->process.comm(), expected.process.comm());
    EXPECT_EQ(found->details, expected.details);
    expect_same(found->tally, expected.tally);
  }
}

ReportSpan whole(const Folder& folder, const ReportSpan& span) {
  auto reader = Reader::open(folder.file());
  EXPECT_TRUE(reader.ok());
  const auto found = reader->whole(span);
  EXPECT_TRUE(found.ok());
  return found.ok() ? *found : ReportSpan{};
}

TEST(Reader, CountsWholeMinutesOnly) {
  const Folder folder;
  write_history(settings_for(folder), {graceful(1, -1 * kMinute), graceful(2), graceful(3, kMinute),
                                       graceful(4, 2 * kMinute)});
  PerProcess report;
  // From the middle of the second minute to the middle of the third.
  report_of(folder.file(), report,
            whole(folder, {kNoon + 30 * kSecond, kNoon + kMinute + 30 * kSecond}));
  EXPECT_EQ(report.all().closures(), 2U);
  PerProcess exact;
  report_of(folder.file(), exact, {kNoon, kNoon + kMinute});
  EXPECT_EQ(exact.all().closures(), 1U);
}

TEST(Reader, SaysWhichMinutesThatAre) {
  const Folder folder;
  write_history(settings_for(folder), {graceful(1)});
  const ReportSpan touched = whole(folder, {kNoon + 30 * kSecond, kNoon + kMinute + 1});
  EXPECT_EQ(touched.from_unix_ns, kNoon);
  EXPECT_EQ(touched.to_unix_ns, kNoon + 2 * kMinute);
  const ReportSpan exact = whole(folder, {kNoon, kNoon + kMinute});
  EXPECT_EQ(exact.from_unix_ns, kNoon);
  EXPECT_EQ(exact.to_unix_ns, kNoon + kMinute);
}

// Of an hour that is kept as a whole, a part cannot be told.
TEST(Reader, CoversWholeHoursWhereMinutesAreNoMore) {
  const Folder folder;
  write_history(settings_for(folder), {graceful(1, 5 * kMinute), graceful(2, 65 * kMinute)});
  auto database = Database::open(folder.file(), Database::Mode::write, 5000);
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(database
                  ->run("UPDATE rollup SET minute = minute - minute % 60, minutes = 60 WHERE"
                        " minute < " +
                        std::to_string((kNoon + kHour) / kMinute))
                  .ok());
  const ReportSpan within = whole(folder, {kNoon + 10 * kMinute, kNoon + 20 * kMinute});
  EXPECT_EQ(within.from_unix_ns, kNoon);
  EXPECT_EQ(within.to_unix_ns, kNoon + kHour);
  const ReportSpan into = whole(folder, {kNoon + 10 * kMinute, kNoon + 70 * kMinute});
  EXPECT_EQ(into.from_unix_ns, kNoon);
  EXPECT_EQ(into.to_unix_ns, kNoon + 70 * kMinute);
  const ReportSpan after = whole(folder, {kNoon + 70 * kMinute, kNoon + 71 * kMinute});
  EXPECT_EQ(after.from_unix_ns, kNoon + 70 * kMinute);
}

struct Sums {
  std::uint64_t closures = 0;
  std::uint64_t unread = 0;
  std::uint64_t left_out = 0;
  bool operator==(const Sums&) const = default;
};

Sums filtered(const Folder& folder, const RollupFilter& filter) {
  auto reader = Reader::open(folder.file());
  EXPECT_TRUE(reader.ok());
  PerProcess report;
  const auto read = reader->report(kTheDay, report, nullptr, filter);
  EXPECT_TRUE(read.ok());
  const auto& not_kept = report.losses().not_kept;
  return {report.all().closures(), report.all().unread(),
          not_kept.empty() ? 0 : not_kept.front().records.value_or(0)};
}

TEST(Reader, CountsWhatAFilterWants) {
  const Folder folder;
  Finding other = abortive(3);
  other.closure.process = task_of(900, "curl", 0);
  Finding six = abortive(4);
  six.closure.peer = ipv6(kLongIpv6, 1);
  Finding lossy = graceful(5);
  lossy.verdict.lost = true;
  lossy.closure.unread = 7;
  lossy.verdict.blocked_us = 100;
  write_history(settings_for(folder), {graceful(1), abortive(2), other, six, lossy});
  EXPECT_EQ(filtered(folder, {}), (Sums{5, 907, 0}));
  EXPECT_EQ(filtered(folder, {.process = [](const Task& task,
                                            const ProcessDetails&) { return task.pid == 900; }}),
            (Sums{1, 300, 0}));
  EXPECT_EQ(filtered(folder, {.verdict = [](Class cls, Reason) { return cls == Class::graceful; }}),
            (Sums{2, 7, 0}));
  EXPECT_EQ(filtered(folder, {.ipv4 = false}), (Sums{1, 300, 0}));
  EXPECT_EQ(filtered(folder, {.lost = true}), (Sums{4, 907, 0}));
}

// Two processes and two networks more than are told apart: what a filter cannot judge is counted.
TEST(Reader, SaysHowManyClosuresAFilterCannotJudge) {
  const Folder folder;
  Settings settings = settings_for(folder);
  settings.rollup_keys_per_minute = 100;
  std::vector<Finding> findings;
  for (std::uint32_t n = 0; n < 230; ++n) {
    findings.push_back(abortive(n));
    findings.back().closure.process = task_of(1000 + n, "p", 0);
  }
  write_history(settings, findings);
  const auto known = static_cast<std::uint64_t>(number_in(folder.file(),
                                                          "SELECT sum(closures) FROM rollup"
                                                          " WHERE process > 1"));
  ASSERT_LT(known, 230U);
  const auto all = [](const Task&, const ProcessDetails&) { return true; };
  EXPECT_EQ(filtered(folder, {.process = all}), (Sums{known, known * 300, 230 - known}));
}

TEST(Reader, KeepsPeersApartByNetwork) {
  const Folder folder;
  Finding neighbour = abortive(2);
  neighbour.closure.peer = ipv4({10, 0, 0, 77}, 1);
  Finding other = abortive(3);
  other.closure.peer = ipv4({10, 0, 1, 77}, 1);
  Finding six = abortive(4);
  six.closure.peer = ipv6(kLongIpv6, 1);
  write_history(settings_for(folder), {abortive(1), neighbour, other, six, graceful(5)});
  PerProcess report;
  report_of(folder.file(), report);
  ASSERT_EQ(report.processes().size(), 1U);
  const std::vector<PeerTally>& peers = report.processes()[0].peers;
  ASSERT_EQ(peers.size(), 3U);
  EXPECT_EQ(peers[0].address, ipv4({10, 0, 0, 0}, 0).address);
  EXPECT_TRUE(peers[0].network);
  EXPECT_EQ(peers[0].bytes_lost, 600U);
  EXPECT_EQ(peers[0].abortive, 2U);
  EXPECT_EQ(peers[0].closures, 2U);
  PerProcess by_peer({}, Grouping::peer);
  report_of(folder.file(), by_peer);
  ASSERT_EQ(by_peer.processes().size(), 3U);
  EXPECT_EQ(by_peer.processes()[0].group, "10.0.0.0/24");
  EXPECT_EQ(by_peer.processes()[0].closures(), 3U);
  EXPECT_EQ(by_peer.processes()[1].group, "10.0.1.0/24");
  EXPECT_EQ(by_peer.processes()[2].group, "2001:db8:1122:3344::/64");
}

TEST(Reader, GroupsByExeCgroupAndPort) {
  const Folder folder;
  Finding second = abortive(2);  // another process of the same program
  second.closure.process = task_of(813, "nginx-worker", 33);
  Finding client = graceful(3);
  client.closure.process = task_of(900, "curl", 1000);
  client.process = {.exe = "curl", .cgroup = "/user.slice", .container = {}, .start_unix_ns = {}};
  client.closure.facts.active_open = true;
  client.closure.peer.port = 443;
  client.closure.local.port = 50000;
  Finding unknown = graceful(4);
  unknown.closure.process = {};
  unknown.process = {};
  unknown.closure.facts.before_start = true;
  unknown.closure.local.port = 8080;
  unknown.closure.peer.port = 80;
  write_history(settings_for(folder), {graceful(1), second, client, unknown});
  const auto groups = [&folder](Grouping grouping) {
    PerProcess report({}, grouping);
    report_of(folder.file(), report);
    std::map<std::optional<std::string>, std::uint64_t> counts;
    for (const ProcessReport& group : report.processes()) {
      counts[group.group] += group.closures();
    }
    return counts;
  };
  using Counts = std::map<std::optional<std::string>, std::uint64_t>;
  EXPECT_EQ(groups(Grouping::exe), (Counts{{"nginx", 2}, {"curl", 1}, {std::nullopt, 1}}));
  EXPECT_EQ(groups(Grouping::cgroup),
            (Counts{{"/system.slice/nginx.service", 2}, {"/user.slice", 1}, {std::nullopt, 1}}));
  EXPECT_EQ(groups(Grouping::port), (Counts{{"80", 3}, {"443", 1}}));
}

TEST(Reader, ShowsTheCountsOverTime) {
  const Folder folder;
  write_history(settings_for(folder),
                {graceful(1), abortive(2), graceful(3, 2 * kMinute), graceful(4, 3 * kMinute)});
  auto reader = Reader::open(folder.file());
  ASSERT_TRUE(reader.ok());
  PerProcess report;
  Timeline timeline;
  ASSERT_TRUE(reader->report({kNoon, kNoon + 240 * kMinute}, report, &timeline).ok());
  EXPECT_EQ(timeline.from_unix_ns, kNoon);
  EXPECT_EQ(timeline.step_ns, 2 * kMinute);
  ASSERT_EQ(timeline.all.steps.size(), 120U);
  constexpr auto kGraceful = static_cast<std::size_t>(Class::graceful);
  constexpr auto kAbortive = static_cast<std::size_t>(Class::abortive);
  EXPECT_EQ(timeline.all.steps[0].classes[kGraceful], 1U);
  EXPECT_EQ(timeline.all.steps[0].classes[kAbortive], 1U);
  EXPECT_EQ(timeline.all.steps[0].bytes_lost, 300U);
  EXPECT_EQ(timeline.all.steps[1].classes[kGraceful], 2U);
  ASSERT_EQ(timeline.rows.size(), 1U);
  EXPECT_EQ(timeline.rows[0].name, "812 nginx");
  EXPECT_EQ(timeline.rows[0].steps[1].classes[kGraceful], 2U);
}

TEST(Reader, GivesClosuresInTheirOrderFromTheFirstToBeforeTheLast) {
  const Folder folder;
  std::vector<Finding> findings;
  for (std::uint32_t n = 0; n < 2500; ++n) {  // more than are read at once
    findings.push_back(abortive(n));
  }
  std::vector<Finding> shuffled = findings;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(3));
  write_history(settings_for(folder), shuffled);
  EXPECT_EQ(closures_in(folder.file()), findings);
  EXPECT_EQ(closures_in(folder.file(), {kNoon + 10, kNoon + 12}),
            (std::vector{abortive(10), abortive(11)}));
}

TEST(Reader, TellsWhatIsMissingWhereItIsMissing) {
  const Folder folder;
  TestClock clock;
  clock.unix_ns = kNoon + 4;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  writer->finding(abortive(1));
  writer->gap({.lost_records = 9, .since_unix_ns = kNoon + 2});
  writer->finding(abortive(3));
  ASSERT_TRUE(writer->stop().ok());
  auto reader = Reader::open(folder.file());
  ASSERT_TRUE(reader.ok());
  std::vector<std::string> order;
  ASSERT_TRUE(reader
                  ->closures(
                      kTheDay,
                      [&order](const Finding& finding) {
                        order.push_back(finding.id);
                        return true;
                      },
                      [&order](const Loss& loss) {
                        order.push_back(std::to_string(loss.records.value_or(0)) + " lost");
                      })
                  .ok());
  EXPECT_EQ(order, (std::vector<std::string>{abortive(1).id, "9 lost", abortive(3).id}));
}

TEST(Reader, FindsOneClosure) {
  const Folder folder;
  write_history(settings_for(folder), {abortive(1), abortive(2)});
  auto reader = Reader::open(folder.file());
  ASSERT_TRUE(reader.ok());
  const auto found = reader->closure(*closure_named(abortive(2).id));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, abortive(2));
  const auto missing = reader->closure({kNoon, 99});
  ASSERT_TRUE(missing.ok());
  EXPECT_EQ(*missing, std::nullopt);
}

TEST(Reader, KnowsWhenNobodyObserved) {
  const Folder folder;
  TestClock clock;
  Told told;
  {
    const auto writer = started(settings_for(folder), clock, told);
    clock.pass(kHour);
    ASSERT_TRUE(writer->stop().ok());
  }
  clock.pass(kHour);
  {
    const auto writer = started(settings_for(folder), clock, told);
    writer->finding(abortive(0, 2 * kHour));
    clock.pass(30 * kMinute);
    ASSERT_TRUE(writer->stop().ok());
  }
  auto reader = Reader::open(folder.file());
  ASSERT_TRUE(reader.ok());
  const auto day = reader->coverage(kTheDay);
  ASSERT_TRUE(day.ok());
  EXPECT_EQ(day->observed_ns, 90 * kMinute);
  EXPECT_EQ(day->rollups_from_ns, kNoon + 2 * kHour);
  EXPECT_EQ(day->closures_from_ns, kNoon + 2 * kHour);
  const auto part = reader->coverage({kNoon + 30 * kMinute, kNoon + 2 * kHour + 10 * kMinute});
  ASSERT_TRUE(part.ok());
  EXPECT_EQ(part->observed_ns, 40 * kMinute);
}

// The writer goes on while another process reads: every report is a whole number of flushes, in
// which rows and rollups agree.
TEST(Reader, ReadsInAnotherProcessWhileItIsWritten) {
  const Folder folder;
  write_history(settings_for(folder), {});
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::uint64_t before = 0;
    bool sound = true;
    while (before < 20'000 && sound) {
      auto reader = Reader::open(folder.file());
      PerProcess report;
      sound = reader.ok() && reader->report(kTheDay, report).ok();
      const std::uint64_t closures = report.all().closures();
      sound = sound && closures >= before && report.all().unread() == closures * 300;
      before = closures;
    }
    ::_exit(sound ? 0 : 1);
  }
  TestClock clock;
  Told told;
  const auto writer = started(settings_for(folder), clock, told);
  for (std::uint32_t n = 0; n < 20'000; ++n) {
    writer->finding(abortive(n));
    if (n % 1000 == 999) {
      writer->flush();
      await(*writer, [](const Health& health) { return health.waiting < 5000; });
    }
  }
  await(*writer, [](const Health& health) { return health.rows_written == 20'000; });
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ASSERT_TRUE(writer->stop().ok());
}

TEST(Reader, ReadsAFileThatItMayNotWriteNorItsDirectory) {
  const Folder folder;
  write_history(settings_for(folder), {abortive(1)});
  std::filesystem::permissions(folder.file(), std::filesystem::perms(0444));
  const auto root = std::filesystem::path(folder.file()).parent_path();
  std::filesystem::permissions(root, std::filesystem::perms(0555));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::getuid() == 0 && ::setuid(65534) != 0) {
      ::_exit(2);
    }
    auto reader = Reader::open(folder.file());
    ::_exit(reader.ok() && *reader->closure(*closure_named(abortive(1).id)) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::filesystem::permissions(root, std::filesystem::perms(0755));
}

TEST(Reader, SaysThatThereIsNoHistory) {
  const Folder folder;
  const auto reader = Reader::open(folder.file());
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().what.find("No such file"), std::string::npos);
  EXPECT_NE(reader.error().hint.find("closewatch serve"), std::string::npos);
}

TEST(Reader, RepeatsTheBytesOfADamagedFileAsText) {
  const Folder folder;
  sqlite3* file = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file().c_str(), &file), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(file,
                         "CREATE TABLE closure(id); PRAGMA writable_schema = ON; UPDATE "
                         "sqlite_master SET sql = 'CREATE TABLE closure(' || char(27) || '[31m)'",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(file);
  const auto reader = Reader::open(folder.file());
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().what.find(
                R"(malformed database schema (closure) - unrecognized token: "\x1b")"),
            std::string::npos)
      << reader.error().what;
}

}  // namespace
}  // namespace closewatch::history
