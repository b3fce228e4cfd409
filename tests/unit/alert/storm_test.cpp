// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/storm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace closewatch::alert {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST(Storm, AdmitsSoManyInAnInterval) {
  Storm storm({.alerts = 2, .interval = std::chrono::seconds(10)});
  EXPECT_TRUE(storm.admit(100 * kSecondNs));
  EXPECT_TRUE(storm.admit(105 * kSecondNs));
  EXPECT_FALSE(storm.admit(110 * kSecondNs - 1));
  EXPECT_TRUE(storm.admit(110 * kSecondNs));
  EXPECT_TRUE(storm.admit(111 * kSecondNs));
  EXPECT_FALSE(storm.admit(119 * kSecondNs));
}

TEST(Storm, TellsWhatWasHeldBackWhenTheIntervalIsOver) {
  Storm storm({.alerts = 1, .interval = std::chrono::seconds(10)});
  EXPECT_TRUE(storm.admit(3 * kSecondNs));
  EXPECT_EQ(storm.due_ns(), std::nullopt);
  storm.hold_back("b");
  storm.hold_back("a");
  storm.hold_back("b");
  EXPECT_EQ(storm.due_ns(), 13 * kSecondNs);
  EXPECT_EQ(storm.since_ns(), 3 * kSecondNs);
  const std::vector<HeldBack> held = storm.take();
  ASSERT_EQ(held.size(), 2);
  EXPECT_EQ(held[0].rule, "a");
  EXPECT_EQ(held[0].alerts, 1);
  EXPECT_EQ(held[1].rule, "b");
  EXPECT_EQ(held[1].alerts, 2);
  EXPECT_EQ(storm.due_ns(), std::nullopt);
}

}  // namespace
}  // namespace closewatch::alert
