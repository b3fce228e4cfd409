// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/wall_clock.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

constexpr std::int64_t kOffset = 1'700'000'000'000'000'000;
constexpr std::int64_t kDayAhead = 86'400'000'000'000;

TEST(WallClock, NamesMomentsByTheDistanceOfTheStart) {
  WallClock clock(kOffset);
  EXPECT_EQ(clock.unix_ns(0), kOffset);
  EXPECT_EQ(clock.unix_ns(5), kOffset + 5);
  EXPECT_FALSE(clock.look(10, kOffset));
  EXPECT_EQ(clock.unix_ns(15), kOffset + 15);
}

TEST(WallClock, FollowsOneThatWasSetFromTheLastLookOn) {
  WallClock clock(kOffset);
  EXPECT_FALSE(clock.look(100, kOffset));
  EXPECT_TRUE(clock.look(200, kOffset + kDayAhead));
  EXPECT_FALSE(clock.look(300, kOffset + kDayAhead));
  EXPECT_TRUE(clock.look(400, kOffset - kDayAhead));
  EXPECT_EQ(clock.unix_ns(100), kOffset + 100);
  EXPECT_EQ(clock.unix_ns(101), kOffset + kDayAhead + 101);
  EXPECT_EQ(clock.unix_ns(300), kOffset + kDayAhead + 300);
  EXPECT_EQ(clock.unix_ns(301), kOffset - kDayAhead + 301);
}

TEST(WallClock, DoesNotFollowWhatIsLessThanASetting) {
  WallClock clock(kOffset);
  EXPECT_FALSE(clock.look(100, kOffset + WallClock::kSetNs - 1));
  EXPECT_EQ(clock.unix_ns(200), kOffset + 200);
  EXPECT_TRUE(clock.look(300, kOffset - WallClock::kSetNs));
  EXPECT_EQ(clock.unix_ns(200), kOffset - WallClock::kSetNs + 200);
}

TEST(WallClock, RemembersTheLastSettings) {
  WallClock clock(0);
  constexpr std::uint64_t kSettings = WallClock::kMostSettings + 1;
  for (std::uint64_t number = 1; number <= kSettings; ++number) {
    EXPECT_TRUE(clock.look(number * 100, static_cast<std::int64_t>(number) * kDayAhead));
  }
  // The one of the start and the first are gone: what they named has the name of the second.
  EXPECT_EQ(clock.unix_ns(1), 2 * kDayAhead + 1);
  EXPECT_EQ(clock.unix_ns(150), 2 * kDayAhead + 150);
  EXPECT_EQ(clock.unix_ns(250), 3 * kDayAhead + 250);
  EXPECT_EQ(clock.unix_ns(kSettings * 100), 17 * kDayAhead + 1700);
}

}  // namespace
}  // namespace closewatch
