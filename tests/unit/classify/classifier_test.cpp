// SPDX-License-Identifier: Apache-2.0
// Every situation gets its exact verdict in both hook modes, and every reason and rule is met.
#include "userspace/classify/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/classify/situation.h"
#include "userspace/classify/rules.h"

namespace closewatch {
namespace situations {

std::vector<Situation> all() {
  std::vector<Situation> rows;
  for (const auto part : {owner_closes, owner_lingers, kernel_closes, ends_under_the_owner,
                          orphans_end, attempts_fail}) {
    const std::vector<Situation> more = part();
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

}  // namespace situations

namespace {

using situations::kContext;
using situations::kMs;
using situations::kSecond;
using situations::Scene;
using situations::Situation;

Verdict expected(const Situation& row, bool full) {
  const situations::Expected& e = row.expected;
  Verdict verdict;
  verdict.cls = e.cls;
  verdict.reason = e.reason;
  verdict.rule = full && !e.full_rule.empty() ? e.full_rule
                 : !e.rule.empty()            ? e.rule
                                              : name_of(e.reason);
  verdict.lost = e.lost;
  verdict.initiator = e.initiator;
  verdict.closed_by = e.closed_by;
  verdict.signal = e.signal;
  verdict.linger = e.linger;
  verdict.blocked_us = full ? e.full_blocked_us : e.blocked_us;
  verdict.drain_us = e.drain_us;
  return verdict;
}

std::string number(const std::optional<std::uint64_t>& value) {
  return value ? std::to_string(*value) : "null";
}

std::string text(const Verdict& v) {
  std::string out(name_of(v.cls));
  out.append("/").append(name_of(v.reason)).append(" by ").append(v.rule);
  out.append(", initiator ").append(v.initiator ? name_of(*v.initiator) : "null");
  out.append(", closed_by ").append(name_of(v.closed_by));
  out.append(" ").append(v.signal ? std::to_string(*v.signal) : "");
  out.append(", linger ").append(name_of(v.linger)).append(v.lost ? ", lost" : "");
  return out + ", blocked " + number(v.blocked_us) + ", drain " + number(v.drain_us);
}

TEST(Classify, GivesEverySituationItsVerdictWithTheBaseHooks) {
  for (const Situation& row : situations::all()) {
    EXPECT_EQ(text(classify(row.base, kContext)), text(expected(row, false))) << row.name;
  }
}

TEST(Classify, GivesEverySituationItsVerdictWithTheFullHooks) {
  for (const Situation& row : situations::all()) {
    EXPECT_EQ(text(classify(row.full(), kContext)), text(expected(row, true))) << row.name;
  }
}

TEST(Classify, SituationsHaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Situation& row : situations::all()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
}

TEST(Classify, EveryReasonButUnknownHasARuleThatASituationMeets) {
  std::set<std::string_view> met;
  std::set<Reason> reasons;
  for (const Situation& row : situations::all()) {
    met.insert(classify(row.base, kContext).rule);
    met.insert(classify(row.full(), kContext).rule);
    reasons.insert(row.expected.reason);
  }
  std::set<std::string_view> ids;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
  }
  ids.erase("unknown");
  EXPECT_EQ(met, ids);
  EXPECT_EQ(reasons.size(), kReasonCount - 1);
  EXPECT_FALSE(reasons.contains(Reason::unknown));
}

TEST(Classify, RuleIdsAreTheReasonWithAnOptionalQualifier) {
  for (const Rule& rule : rules()) {
    EXPECT_EQ(rule.id.substr(0, rule.id.find('.')), name_of(rule.reason));
    EXPECT_EQ(rule_named(rule.id), &rule);
    EXPECT_NE(rule.rests_on.front(), Fact::none) << rule.id;
  }
  EXPECT_EQ(rule_named("no_such_rule"), nullptr);
  EXPECT_EQ(rules().back().reason, Reason::unknown);
}

TEST(Classify, CallsUnknownWhatNoRuleExplains) {
  const Verdict silent = classify(Scene(TcpState::established).held(), kContext);
  EXPECT_EQ(silent.cls, Class::unknown);
  EXPECT_EQ(silent.reason, Reason::unknown);
  EXPECT_EQ(silent.initiator, std::nullopt);
  // never graceful while bytes are missing
  const Verdict lossy = classify(Scene(TcpState::last_ack).orphan(kMs).bytes(0, 1, 0), kContext);
  EXPECT_EQ(lossy.reason, Reason::unknown);
  EXPECT_TRUE(lossy.lost);
}

TEST(Classify, ALaterCloseOfAnEndedConnectionIsNotTheCloser) {
  Closure closure =
      Scene(TcpState::established).held().error(ECONNRESET).with(&Facts::reset_called);
  closure.closer.closed = true;
  closure.close_ns = closure.end_ns + 1;
  const Verdict verdict = classify(closure, kContext);
  EXPECT_EQ(verdict.closed_by, ClosedBy::none);
  EXPECT_EQ(verdict.drain_us, std::nullopt);
}

TEST(Classify, ACloseStampedAfterTheEndThatItMadeIsTheCloser) {
  Closure closure = Scene(TcpState::established).in_close().linger(0).with(&Facts::rst_after);
  closure.close_ns = closure.end_ns + 500;
  EXPECT_EQ(classify(closure, kContext).closed_by, ClosedBy::close);
}

TEST(Classify, AWaitThatWasSeenToBreakOffDidNotExpire) {
  Closure closure = Scene(TcpState::fin_wait2)
                        .orphan(5 * kSecond)
                        .linger(1)
                        .wait_ended(kSecond - 1)
                        .with(&Facts::linger_left, &Facts::peer_fin);
  EXPECT_EQ(classify(closure, kContext).linger, LingerOutcome::expired);
  closure.facts.linger_broken = true;
  const Verdict broken = classify(closure, kContext);
  EXPECT_EQ(broken.linger, LingerOutcome::interrupted);
  EXPECT_EQ(broken.reason, Reason::local_first);
  EXPECT_EQ(broken.blocked_us, std::nullopt);  // broken off before that, unseen
  closure.blocked_ns = 300 * kMs;
  EXPECT_EQ(classify(closure, kContext).blocked_us, 300'000);
}

TEST(Classify, LingerTimeCountsInTicksOfTheHost) {
  const Closure closure = Scene(TcpState::fin_wait2)
                              .orphan(5 * kSecond)
                              .linger(1)
                              .wait_ended(kSecond)
                              .with(&Facts::linger_left, &Facts::peer_fin);
  const Verdict hz250 = classify(closure, {.tick_ns = 4 * kMs});
  EXPECT_EQ(hz250.linger, LingerOutcome::expired);
  EXPECT_EQ(hz250.blocked_us, 1'000'000);
  const Verdict hz100 = classify(closure, {.tick_ns = 10 * kMs});
  EXPECT_EQ(hz100.blocked_us, 2'500'000);
  const Verdict unknown_hz = classify(closure, {});
  EXPECT_EQ(unknown_hz.linger, LingerOutcome::expired);
  EXPECT_EQ(unknown_hz.blocked_us, std::nullopt);
}

}  // namespace
}  // namespace closewatch
