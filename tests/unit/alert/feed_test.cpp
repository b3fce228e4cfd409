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
  now_ns += 60 * kSecond;
  feed.flush();
  EXPECT_EQ(heard.said.size(), 1);
  now_ns += kSecond;
  feed.flush();
  EXPECT_THAT(heard.said, ElementsAre("0 firing aborts nginx", "61 resolved aborts nginx"));
  EXPECT_EQ(engine.counts().findings, 1);
  EXPECT_EQ(engine.counts().corrections, 1);
  EXPECT_EQ(engine.counts().lost_records, 3);
}

}  // namespace
}  // namespace closewatch::alert
