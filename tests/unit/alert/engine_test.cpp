// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "tests/unit/alert/alert_samples.h"

namespace closewatch::alert {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::abort_at;
using testing::aborts;
using testing::closure;
using ::testing::ElementsAre;
using testing::fine_at;
using ::testing::IsEmpty;
using testing::kSecond;

struct Harness {
  explicit Harness(std::vector<Rule> rules, StormLimit storm = {.alerts = 100},
                   EngineLimits limits = {})
      : engine({.rules = std::move(rules), .storm = storm, .refresh = hours(1), .tick_ns = kTick},
               {&heard}, limits) {}

  void until(double seconds_after_noon) {
    engine.advance(kNoon + static_cast<std::int64_t>(seconds_after_noon * 1e9));
  }

  testing::Heard heard;
  Engine engine;
};

TEST(Engine, FiresAtTheClosureThatReachesTheThreshold) {
  Harness at({aborts(3)});
  at.engine.take(abort_at(0));
  at.engine.take(abort_at(kSecond));
  EXPECT_THAT(at.heard.said, IsEmpty());
  at.engine.take(abort_at(7 * kSecond / 2));
  EXPECT_THAT(at.heard.said, ElementsAre("3.5 firing aborts nginx"));
  const Notification& told = at.heard.last();
  EXPECT_EQ(told.unix_ns, kNoon + 7 * kSecond / 2);
  EXPECT_EQ(told.since_unix_ns, told.unix_ns);
  EXPECT_EQ(told.level, 3);
  EXPECT_EQ(told.closures, 3);
  EXPECT_EQ(told.bytes, 30);
}

// Neither a window nor an alert is cut short, or made longer, by who sets the wall clock: what is
// told has its time.
TEST(Engine, OfALiveRunFollowsTheWallClockInWhatItTellsOnly) {
  constexpr std::int64_t kBoot = 1000 * kSecond;
  constexpr std::int64_t kDay = 86'400 * kSecond;
  const auto ended = [](std::int64_t boot_ns, std::int64_t wall_ns) {
    Finding finding = abort_at(wall_ns);
    finding.closure.end_ns = static_cast<std::uint64_t>(kBoot + boot_ns);
    return finding;
  };
  for (const std::int64_t set_by : {kDay, -kDay}) {
    Harness at({aborts(2)});
    at.engine.set_clock(kNoon - kBoot);
    at.engine.take(ended(0, 0));
    at.engine.set_clock(kNoon - kBoot + set_by);
    at.engine.take(ended(10 * kSecond, 10 * kSecond + set_by));
    at.until(71);
    ASSERT_EQ(at.heard.all.size(), 2U);
    EXPECT_EQ(at.heard.all[0]->event, Event::firing);
    EXPECT_EQ(at.heard.all[0]->unix_ns, kNoon + 10 * kSecond + set_by);
    EXPECT_EQ(at.heard.all[0]->since_unix_ns, kNoon + 10 * kSecond + set_by);
    EXPECT_EQ(at.heard.all[1]->event, Event::resolved);
    EXPECT_EQ(at.heard.all[1]->unix_ns, kNoon + 61 * kSecond + set_by);
    EXPECT_EQ(at.engine.counts().too_late, 0U);
  }
}

TEST(Engine, DoesNotCountWhatHasLeftTheWindow) {
  Harness at({aborts(2)});
  at.engine.take(abort_at(0));
  at.engine.take(abort_at(61 * kSecond));
  EXPECT_THAT(at.heard.said, IsEmpty());
  at.engine.take(abort_at(121 * kSecond + kSecond / 2));  // the second one is 60.5 s old
  EXPECT_THAT(at.heard.said, ElementsAre("121.5 firing aborts nginx"));
}

TEST(Engine, ResolvesWhenTheLevelIsBelowTheThreshold) {
  Harness at({aborts(2)});
  at.engine.take(abort_at(kSecond / 4));
  at.engine.take(abort_at(5 * kSecond));
  at.until(60.999);
  EXPECT_THAT(at.heard.said, ElementsAre("5 firing aborts nginx"));
  at.until(1000);
  EXPECT_THAT(at.heard.said, ElementsAre("5 firing aborts nginx", "61 resolved aborts nginx"));
  EXPECT_EQ(at.heard.last().since_unix_ns, kNoon + 5 * kSecond);
  EXPECT_EQ(at.heard.last().level, 1);
}

TEST(Engine, HysteresisKeepsItFiringDownToTheResolveLevel) {
  Rule rule = aborts(3);
  rule.resolve = 1;
  Harness at({rule});
  for (const int second : {0, 10, 20}) {
    at.engine.take(abort_at(second * kSecond));
  }
  at.until(70.9);
  EXPECT_THAT(at.heard.said, ElementsAre("20 firing aborts nginx"));  // level 2 from 61 on
  at.engine.take(abort_at(709 * kSecond / 10));                       // 3 again: nothing new
  at.until(80.9);
  EXPECT_THAT(at.heard.said, ElementsAre("20 firing aborts nginx"));
  at.until(81);  // those of 20 s have left
  EXPECT_THAT(at.heard.said, ElementsAre("20 firing aborts nginx", "81 resolved aborts nginx"));
}

TEST(Engine, FiresWhenTheThresholdWasHeldLongEnough) {
  Rule rule = aborts(2);
  rule.hold_for = seconds(30);
  Harness at({rule});
  at.engine.take(abort_at(0));
  at.engine.take(abort_at(kSecond / 2));
  EXPECT_EQ(at.engine.due_ns(), kNoon + kSecond);
  at.until(30.499999999);
  EXPECT_THAT(at.heard.said, IsEmpty());
  at.until(30.5);
  EXPECT_THAT(at.heard.said, ElementsAre("30.5 firing aborts nginx"));
}

TEST(Engine, ADropInBetweenStartsTheHoldingAgain) {
  Rule rule = aborts(2);
  rule.hold_for = seconds(70);
  Harness at({rule});
  at.engine.take(abort_at(0));
  at.engine.take(abort_at(10 * kSecond));
  at.engine.take(abort_at(65 * kSecond));  // 2 again, after 1 from 61 to 65
  at.engine.take(abort_at(70 * kSecond));
  at.engine.take(abort_at(120 * kSecond));
  at.engine.take(abort_at(124 * kSecond));
  at.until(134.9);
  EXPECT_THAT(at.heard.said, IsEmpty());
  at.until(135);
  EXPECT_THAT(at.heard.said, ElementsAre("135 firing aborts nginx"));
}

TEST(Engine, CoolDownHoldsTheNextAlertBack) {
  Rule rule = aborts(1);
  rule.cool_down = minutes(5);
  Harness at({rule});
  at.engine.take(abort_at(0));
  at.until(61);  // resolved: quiet until 361
  at.engine.take(abort_at(100 * kSecond));
  EXPECT_EQ(at.engine.counts().cooled_down, 1);
  at.until(300);  // it has come and gone
  at.engine.take(abort_at(340 * kSecond));
  EXPECT_EQ(at.engine.counts().cooled_down, 2);
  at.until(360.9);
  EXPECT_THAT(at.heard.said, ElementsAre("0 firing aborts nginx", "61 resolved aborts nginx"));
  at.until(361);
  EXPECT_EQ(at.heard.said.back(), "361 firing aborts nginx");
  EXPECT_EQ(at.engine.counts().fired, 2);
}

TEST(Engine, CountsLostBytes) {
  Rule rule = aborts(1000);
  rule.measure = Measure::bytes;
  Harness at({rule});
  Finding finding = closure(0, Reason::unread_data, 600);
  finding.closure.unacked = 100;
  finding.closure.never_sent = 299;
  at.engine.take(finding);
  EXPECT_THAT(at.heard.said, IsEmpty());
  at.engine.take(closure(1, Reason::linger_zero, 1));
  EXPECT_EQ(at.heard.last().level, 1000);
  EXPECT_EQ(at.heard.last().closures, 2);
}

TEST(Engine, AShareIsOfTheClosuresOfTheSameProcess) {
  Rule rule = aborts(0.25);
  rule.measure = Measure::share;
  rule.at_least = 8;
  Harness at({rule});
  at.engine.take(abort_at(0));
  at.engine.take(abort_at(1));
  for (int n = 2; n < 7; ++n) {
    at.engine.take(fine_at(n));
    at.engine.take(fine_at(n, "curl"));
  }
  EXPECT_THAT(at.heard.said, IsEmpty());  // 2 of 7, which is too few to say
  at.engine.take(fine_at(7));
  EXPECT_EQ(at.heard.last().level, 0.25);
  EXPECT_EQ(at.heard.last().covered, 8);
  at.engine.take(fine_at(2 * kSecond));
  EXPECT_THAT(at.heard.said, ElementsAre("0 firing aborts nginx", "2 resolved aborts nginx"));
}

TEST(Engine, ARiseIsComparedWithTheWindowBefore) {
  Rule rule = aborts(3);
  rule.measure = Measure::rise;
  rule.at_least = 4;
  Harness at({rule});
  at.engine.take(abort_at(0));
  at.engine.take(abort_at(1));
  for (int n = 0; n < 5; ++n) {
    at.engine.take(abort_at((90 + n) * kSecond));
  }
  EXPECT_THAT(at.heard.said, IsEmpty());  // 5 after 2
  at.engine.take(abort_at(95 * kSecond));
  EXPECT_THAT(at.heard.said, ElementsAre("95 firing aborts nginx"));
  EXPECT_EQ(at.heard.last().level, 3);
}

TEST(Engine, ARiseFromNothingIsComparedWithOne) {
  Rule rule = aborts(3);
  rule.measure = Measure::rise;
  rule.at_least = 4;
  Harness at({rule});
  for (int n = 0; n < 3; ++n) {
    at.engine.take(abort_at(n));
  }
  EXPECT_THAT(at.heard.said, IsEmpty());  // fewer than 4
  at.engine.take(abort_at(3));
  EXPECT_EQ(at.heard.last().level, 4);
}

TEST(Engine, TellsSubjectsApart) {
  Rule by_cgroup = aborts(2);
  by_cgroup.name = "by_cgroup";
  by_cgroup.per = Scope::cgroup;
  Rule by_host = aborts(3);
  by_host.name = "by_host";
  by_host.per = Scope::host;
  Harness at({aborts(2), by_cgroup, by_host});
  at.engine.take(abort_at(0, "nginx"));
  at.engine.take(abort_at(0, "php"));
  Finding unknown = abort_at(kSecond);
  unknown.closure.process = {};
  unknown.process = {};
  at.engine.take(unknown);
  unknown.id = "another";
  at.engine.take(unknown);
  EXPECT_THAT(at.heard.said,
              ElementsAre("0 firing by_cgroup /system.slice/nginx.service", "1 firing by_host ",
                          "1 firing aborts unknown", "1 firing by_cgroup unknown"));
}

TEST(Engine, TakesAClosureThatComesLateIntoItsOwnTime) {
  Harness at({aborts(2)});
  at.until(30);
  at.engine.take(abort_at(kSecond));
  at.engine.take(abort_at(20 * kSecond));
  EXPECT_THAT(at.heard.said, ElementsAre("30 firing aborts nginx"));
  at.until(61.9);
  EXPECT_EQ(at.heard.said.size(), 1);
  at.until(62);
  EXPECT_EQ(at.heard.said.back(), "62 resolved aborts nginx");
  at.until(100);
  at.engine.take(abort_at(30 * kSecond));
  EXPECT_EQ(at.engine.counts().too_late, 1);
}

TEST(Engine, ALateFactMakesAClosureCount) {
  Harness at({aborts(1)});
  const Finding finding = fine_at(0);
  at.engine.take(finding);
  Correction correction;
  correction.amendment.id = finding.closure.id;
  correction.verdict = data_after_close();
  at.engine.take(correction);
  EXPECT_THAT(at.heard.said, ElementsAre("0 firing aborts nginx"));
  EXPECT_EQ(at.engine.counts().corrections, 1);
  const auto evidence = nlohmann::json::parse(at.heard.last().evidence.at(0).closure);
  EXPECT_EQ(evidence["reason"], "data_after_close");
  at.engine.take(correction);
  EXPECT_EQ(at.engine.active().at(0).level, 1);
}

TEST(Engine, ALateFactMakesAClosureCountNoMore) {
  Rule rule = aborts(3);
  rule.match.selection.classes = {Class::graceful};
  Harness at({rule});
  at.engine.take(fine_at(0));
  const Finding finding = fine_at(0);
  at.engine.take(finding);
  Correction correction;
  correction.amendment.id = finding.closure.id;
  correction.verdict = data_after_close();
  at.engine.take(correction);
  at.engine.take(fine_at(kSecond));
  EXPECT_THAT(at.heard.said, IsEmpty());
  at.engine.take(fine_at(2 * kSecond));
  EXPECT_EQ(at.heard.said.size(), 1);
  ASSERT_EQ(at.heard.last().evidence.size(), 3);
  for (const Evidence& each : at.heard.last().evidence) {
    EXPECT_NE(nlohmann::json::parse(each.closure)["id"], finding.id);
  }
}

TEST(Engine, LateUnreadBytesAreAddedOnce) {
  Rule rule = aborts(300);
  rule.measure = Measure::bytes;
  Harness at({rule});
  const Finding finding = closure(0, Reason::reset_by_peer);
  at.engine.take(finding);
  Correction correction;
  correction.amendment.id = finding.closure.id;
  correction.amendment.unread = 299;
  at.engine.take(correction);
  at.engine.take(correction);
  EXPECT_THAT(at.heard.said, IsEmpty());
  at.engine.take(closure(1, Reason::reset_by_peer, 1));
  EXPECT_EQ(at.heard.last().level, 300);
  EXPECT_EQ(at.heard.last().closures, 2);
}

TEST(Engine, CountsLateFactsThatItCannotPlace) {
  Harness at({aborts(1)}, {}, {.remembered = 2});
  const Finding finding = fine_at(0);
  at.engine.take(finding);
  at.engine.take(fine_at(1));
  at.engine.take(fine_at(2));
  Correction correction;
  correction.amendment.id = finding.closure.id;
  correction.verdict = data_after_close();
  at.engine.take(correction);
  EXPECT_THAT(at.heard.said, IsEmpty());
  EXPECT_EQ(at.engine.counts().late_facts, 1);
}

TEST(Engine, CarriesTheLastClosuresAsEvidence) {
  Harness at({aborts(7)});
  std::vector<std::string> ids;
  for (int n = 0; n < 7; ++n) {
    const Finding finding = abort_at(n);
    ids.push_back(finding.id);
    at.engine.take(finding);
    at.engine.take(fine_at(n));
  }
  const Notification& told = at.heard.last();
  ASSERT_EQ(told.evidence.size(), 5);
  for (std::size_t n = 0; n < 5; ++n) {
    EXPECT_EQ(nlohmann::json::parse(told.evidence[n].closure)["id"], ids[6 - n]);
    EXPECT_THAT(told.evidence[n].explanation, ::testing::HasSubstr("10 bytes"));
  }
  EXPECT_THAT(told.advice, ::testing::HasSubstr("shutdown"));
}

TEST(Engine, LeavesOutEvidenceThatIsTooLong) {
  Harness at({aborts(2)}, {}, {.evidence_bytes = 2000});
  at.engine.take(abort_at(0));
  Finding finding = abort_at(1);
  finding.process.cgroup = "/" + std::string(2000, 'x');
  at.engine.take(finding);
  EXPECT_EQ(at.heard.last().evidence.size(), 1);
  EXPECT_EQ(at.engine.counts().evidence_left_out, 1);
}

TEST(Engine, StormSuppressionTellsHowManyMore) {
  Harness at({aborts(1)}, {.alerts = 2, .interval = seconds(30)});
  for (const char* comm : {"a", "b", "c", "d", "e"}) {
    at.engine.take(abort_at(5 * kSecond / 4, comm));
  }
  EXPECT_THAT(at.heard.said, ElementsAre("1.25 firing aborts a", "1.25 firing aborts b"));
  at.until(31.2);
  EXPECT_EQ(at.heard.said.size(), 2);
  at.until(31.25);
  EXPECT_EQ(at.heard.said.back(), "31.25 more 3 aborts");
  EXPECT_EQ(at.heard.last().since_unix_ns, kNoon + 5 * kSecond / 4);
  EXPECT_EQ(at.heard.last().held_back_alerts(), 3);
  at.until(1000);
  // Only those that were announced are resolved aloud.
  EXPECT_THAT(at.heard.said,
              ElementsAre("1.25 firing aborts a", "1.25 firing aborts b", "31.25 more 3 aborts",
                          "62 resolved aborts a", "62 resolved aborts b"));
  const EngineCounts& counts = at.engine.counts();
  EXPECT_EQ(counts.fired, 5);
  EXPECT_EQ(counts.announced, 2);
  EXPECT_EQ(counts.held_back, 3);
  EXPECT_EQ(counts.resolved, 5);
}

TEST(Engine, ANewIntervalHasRoomAgain) {
  Harness at({aborts(1)}, {.alerts = 1, .interval = seconds(30)});
  at.engine.take(abort_at(0, "a"));
  at.engine.take(abort_at(29 * kSecond, "b"));
  at.engine.take(abort_at(30 * kSecond, "c"));
  EXPECT_THAT(at.heard.said,
              ElementsAre("0 firing aborts a", "30 more 1 aborts", "30 firing aborts c"));
}

TEST(Engine, ToldAgainWhileItGoesOn) {
  testing::Heard heard;
  Engine engine({.rules = {aborts(1)}, .refresh = seconds(25)}, {&heard});
  engine.take(abort_at(0));
  engine.advance(kNoon + 3600 * kSecond);
  EXPECT_THAT(heard.said, ElementsAre("0 firing aborts nginx", "25 still_firing aborts nginx",
                                      "50 still_firing aborts nginx", "61 resolved aborts nginx"));
  EXPECT_EQ(heard.all[1]->since_unix_ns, kNoon);
  EXPECT_EQ(engine.subjects(), 0);
  EXPECT_EQ(engine.due_ns(), std::nullopt);
}

TEST(Engine, WhatWasHeldBackAndGoesOnIsAnnouncedWhenThereIsRoom) {
  testing::Heard heard;
  Engine engine({.rules = {aborts(1)},
                 .storm = {.alerts = 1, .interval = seconds(20)},
                 .refresh = seconds(25)},
                {&heard});
  engine.take(abort_at(0, "a"));
  engine.take(abort_at(1, "b"));
  engine.advance(kNoon + 40 * kSecond);
  EXPECT_THAT(heard.said, ElementsAre("0 firing aborts a", "20 more 1 aborts",
                                      "25 still_firing aborts a", "25 firing aborts b"));
  EXPECT_EQ(heard.last().since_unix_ns, kNoon + 1);
  EXPECT_EQ(engine.counts().announced, 2);
}

TEST(Engine, FoldsSubjectsBeyondTheLimit) {
  Harness at({aborts(3), aborts(1000)}, {.alerts = 100}, {.subjects = 4});  // 2 for each rule
  for (const char* comm : {"a", "b", "c", "d", "e"}) {
    at.engine.take(abort_at(0, comm));
  }
  EXPECT_THAT(at.heard.said, ElementsAre("0 firing aborts other"));
  EXPECT_EQ(at.engine.counts().folded, 6);
  EXPECT_EQ(at.engine.subjects(), 6);
  at.until(200);
  EXPECT_EQ(at.engine.subjects(), 0);
  at.engine.take(abort_at(200 * kSecond, "c"));
  EXPECT_EQ(at.engine.counts().folded, 6);
}

TEST(Engine, MemoryIsBoundedWhateverComes) {
  Harness at({aborts(2), aborts(3)}, {.alerts = 5}, {.subjects = 64});
  for (int n = 0; n < 20'000; ++n) {
    at.engine.take(abort_at(n * kSecond / 100, std::to_string(n)));
    ASSERT_LE(at.engine.subjects(), 66);
  }
}

TEST(Engine, ALongSilenceCostsNothingAndAllHappensAtItsOwnTime) {
  Rule rule = aborts(1);
  rule.cool_down = hours(168);
  Harness at({rule});
  at.engine.take(abort_at(0));
  at.until(3e9);
  EXPECT_THAT(at.heard.said, ElementsAre("0 firing aborts nginx", "61 resolved aborts nginx"));
}

TEST(Engine, SurvivesImpossibleTimes) {
  Harness at({aborts(1)});
  Finding finding = abort_at(0);
  finding.end_unix_ns = INT64_MIN;
  at.engine.take(finding);
  finding.end_unix_ns = INT64_MAX;
  at.engine.take(finding);
  at.engine.advance(INT64_MAX);
  EXPECT_EQ(at.engine.counts().findings, 2);
}

TEST(Engine, ReloadKeepsTheStateOfARuleThatIsTheSame) {
  Rule other = aborts(1);
  other.name = "other";
  Harness at({aborts(2), other});
  at.engine.take(abort_at(0));
  testing::Heard later;
  at.engine.reload({.rules = {aborts(2)}, .refresh = hours(1)}, {&later});
  EXPECT_THAT(at.heard.said, ElementsAre("0 firing other nginx"));
  EXPECT_THAT(later.said, ElementsAre("0 resolved other nginx"));
  at.engine.take(abort_at(kSecond));
  EXPECT_EQ(later.said.back(), "1 firing aborts nginx");
}

TEST(Engine, TellsWhatNoRuleCouldSee) {
  Harness at({aborts(1)});
  at.engine.take(Gap{.lost_records = 7, .since_unix_ns = kNoon});
  at.engine.take(abort_at(0));
  EXPECT_EQ(at.heard.last().lost_records, 7);
}

TEST(Engine, ListsWhatFiresNow) {
  Harness at({aborts(1)}, {.alerts = 1});
  at.engine.take(abort_at(0, "a"));
  at.engine.take(abort_at(1, "b"));
  const std::vector<Active> active = at.engine.active();
  ASSERT_EQ(active.size(), 2);
  EXPECT_EQ(active[1].rule, "aborts");
  EXPECT_EQ(active[1].subject.name, "b");
  EXPECT_EQ(active[1].since_unix_ns, kNoon + 1);
  EXPECT_EQ(active[1].level, 1);
}

}  // namespace
}  // namespace closewatch::alert
