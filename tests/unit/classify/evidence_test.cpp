// SPDX-License-Identifier: Apache-2.0
#include "userspace/classify/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/classify/situation.h"

namespace closewatch {
namespace {

using situations::kContext;
using situations::kMs;
using situations::Scene;
using testing::ElementsAre;

TEST(Evidence, ListsTheFactsOfTheRuleWithTheirValues) {
  const Closure closure =
      Scene(TcpState::established).in_close().bytes(0, 0, 300).with(&Facts::rst_after);
  EXPECT_THAT(
      evidence(closure, classify(closure, kContext)),
      ElementsAre(Observation{"unread", "300"}, Observation{"in_close", "yes"},
                  Observation{"rst_after", "yes"}, Observation{"final_state", "ESTABLISHED"}));
}

TEST(Evidence, NamesErrorsAndWhatIsNotSo) {
  const Closure closure =
      Scene(TcpState::fin_wait1).orphan(kMs).bytes(5, 7, 0).error(ETIMEDOUT).retries(3);
  EXPECT_THAT(
      evidence(closure, classify(closure, kContext)),
      ElementsAre(Observation{"sock_error", "ETIMEDOUT"}, Observation{"sock_soft_error", "0"},
                  Observation{"unacked", "7"}, Observation{"retransmits", "3"},
                  Observation{"final_state", "FIN_WAIT1"}));
  const Closure reset = Scene(TcpState::established).held().with(&Facts::reset_called);
  EXPECT_THAT(
      evidence(reset, classify(reset, kContext)),
      ElementsAre(Observation{"reset_called", "yes"}, Observation{"rst_answer", "no"},
                  Observation{"shutdown_flags", "0"}, Observation{"final_state", "ESTABLISHED"}));
}

TEST(Evidence, ShowsTheOutcomeOfLingerWhereTheRuleUsesIt) {
  const Closure closure = Scene(TcpState::fin_wait2)
                              .orphan(20 * kMs)
                              .linger(1)
                              .wait_ended(10 * kMs)
                              .with(&Facts::linger_acked, &Facts::peer_fin);
  EXPECT_THAT(evidence(closure, classify(closure, kContext)),
              ElementsAre(Observation{"linger_outcome", "completed"},
                          Observation{"linger_jiffies", "250"}, Observation{"unacked", "0"},
                          Observation{"never_sent", "0"}, Observation{"final_state", "FIN_WAIT2"}));
}

TEST(Evidence, EveryFactOfEveryRuleHasANameAndAValue) {
  for (const Rule& rule : rules()) {
    Verdict verdict;
    verdict.rule = rule.id;
    const std::vector<Observation> facts =
        evidence(Scene(TcpState::established).error(ETIMEDOUT), verdict);
    ASSERT_FALSE(facts.empty()) << rule.id;
    for (const Observation& observation : facts) {
      EXPECT_FALSE(observation.fact.empty()) << rule.id;
      EXPECT_FALSE(observation.value.empty()) << rule.id << " " << observation.fact;
    }
  }
}

TEST(Evidence, IsEmptyForARuleOfAnotherVersion) {
  Verdict verdict;
  verdict.rule = "abandoned_rule";
  EXPECT_TRUE(evidence(Closure{}, verdict).empty());
}

TEST(Evidence, ErrorsWithoutANameAreNumbers) {
  EXPECT_EQ(errno_name(ECONNRESET), "ECONNRESET");
  EXPECT_EQ(errno_name(12345), "12345");
}

}  // namespace
}  // namespace closewatch
