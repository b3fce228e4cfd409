// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/alert/alert_samples.h"

namespace closewatch::alert {
namespace {

using testing::abort_at;
using ::testing::ElementsAre;
using testing::kSecond;

TEST(Feed, GivesEverythingToTheEngineAndCarriesItsTimeForward) {
  testing::Heard heard;
  Engine engine({.rules = {testing::aborts(1)}, .refresh = std::chrono::hours(1)}, {&heard});
  std::int64_t now_ns = kNoon;
  Feed feed(engine, [&now_ns] { return now_ns; });
  const Finding finding = abort_at(0);
  feed.finding(finding);
  feed.gap({.lost_records = 3, .since_unix_ns = kNoon});
  Correction correction;
  correction.amendment.id = finding.closure.id;
  feed.correction(correction);
  feed.flush();
  EXPECT_EQ(heard.said.size(), 1);
  EXPECT_EQ(feed.due_ns(), kNoon + kSecond + Feed::kUnderWayNs);
  now_ns += 61 * kSecond + Feed::kUnderWayNs - 1;
  feed.flush();
  EXPECT_EQ(heard.said.size(), 1);
  now_ns += 1;
  feed.flush();
  EXPECT_THAT(heard.said, ElementsAre("0 firing aborts nginx", "61 resolved aborts nginx"));
  EXPECT_EQ(engine.counts().findings, 1);
  EXPECT_EQ(engine.counts().corrections, 1);
  EXPECT_EQ(engine.counts().lost_records, 3);
}

// The ring buffer and the holding take their time: what ended before an alert would have been over
// keeps it firing, as in a dry run over the same closures.
TEST(Feed, WaitsForWhatIsUnderWayBeforeTimeGoesOn) {
  testing::Heard live;
  Engine engine({.rules = {testing::aborts(1)}, .refresh = std::chrono::hours(1)}, {&live});
  std::int64_t now_ns = kNoon + kSecond / 10;
  Feed feed(engine, [&now_ns] { return now_ns; });
  const std::vector<Finding> findings{abort_at(0), abort_at(61 * kSecond - 1),
                                      abort_at(70 * kSecond)};
  testing::Heard dry;
  Engine over({.rules = {testing::aborts(1)}, .refresh = std::chrono::hours(1)}, {&dry});
  for (const Finding& finding : findings) {
    now_ns = finding.end_unix_ns + kSecond / 10;
    feed.flush();  // of a batch before
    feed.finding(finding);
    feed.flush();
    over.take(finding);
  }
  EXPECT_THAT(dry.said, ElementsAre("0 firing aborts nginx"));
  EXPECT_EQ(live.said, dry.said);
}

}  // namespace
}  // namespace closewatch::alert
