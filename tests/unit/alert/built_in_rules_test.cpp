// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/built_in_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/alert/alert_samples.h"
#include "userspace/alert/engine.h"

namespace closewatch::alert {
namespace {

using testing::closure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kSecond;

class BuiltInRules : public ::testing::Test {
 protected:
  testing::Heard heard_;
  Engine engine_{{.rules = built_in_rules(), .refresh = std::chrono::hours(1)}, {&heard_}};
};

TEST_F(BuiltInRules, FiveAbortiveClosesThatLostBytes) {
  for (int n = 0; n < 4; ++n) {
    engine_.take(closure(n * 60 * kSecond, Reason::unread_data, 1));
    engine_.take(closure(n * 60 * kSecond, Reason::linger_zero, 0));
    engine_.take(closure(n * 60 * kSecond, Reason::local_first, 1));
  }
  EXPECT_THAT(heard_.said, IsEmpty());
  engine_.take(closure(240 * kSecond, Reason::reset_by_peer, 1));
  EXPECT_THAT(heard_.said, ElementsAre("240 firing abortive_loss nginx"));
}

TEST_F(BuiltInRules, AListenerClosedWithConnectionsInItsQueue) {
  engine_.take(closure(0, Reason::listener_closed));
  EXPECT_THAT(heard_.said, ElementsAre("0 firing listener_closed nginx"));
}

TEST_F(BuiltInRules, ASecondInClose) {
  Finding finding = closure(0, Reason::linger_completed);
  finding.verdict.blocked_us = 999'999;
  engine_.take(finding);
  EXPECT_THAT(heard_.said, IsEmpty());
  finding.verdict.blocked_us = 1'000'000;
  engine_.take(finding);
  EXPECT_THAT(heard_.said, ElementsAre("0 firing linger_blocks nginx"));
}

TEST_F(BuiltInRules, ThreeTimesAsManyTimeoutsForAMinute) {
  engine_.take(closure(0, Reason::retransmission));
  engine_.take(closure(0, Reason::keepalive, 0, "curl"));
  for (int n = 0; n < 6; ++n) {
    engine_.take(closure((700 + n) * kSecond, Reason::fin_unacked));
  }
  EXPECT_THAT(heard_.said, IsEmpty());
  engine_.advance(kNoon + 765 * kSecond);
  EXPECT_THAT(heard_.said, ElementsAre("765 firing timeouts_rise "));
}

TEST_F(BuiltInRules, AQuietHostHearsNothing) {
  for (int n = 0; n < 1000; ++n) {
    engine_.take(closure(n * kSecond, n % 2 == 0 ? Reason::local_first : Reason::peer_first));
    engine_.take(closure(n * kSecond, Reason::linger_zero));  // by policy: nothing is lost
  }
  EXPECT_THAT(heard_.said, IsEmpty());
}

}  // namespace
}  // namespace closewatch::alert
