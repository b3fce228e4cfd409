// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/moments.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'769'864'523 * kSecond;  // 2026-01-31T13:02:03Z

std::int64_t seconds(const char* text) {
  const auto moment = moment_of(text, kNow);
  EXPECT_TRUE(moment.ok()) << text;
  return moment.ok() ? *moment / kSecond : -1;
}

TEST(Moments, TakesHowLongAgo) {
  EXPECT_EQ(seconds("90s"), 1'769'864'433);
  EXPECT_EQ(seconds("30m"), 1'769'862'723);
  EXPECT_EQ(seconds("24h"), 1'769'778'123);
  EXPECT_EQ(seconds("7d"), 1'769'259'723);
  EXPECT_EQ(seconds("2w"), 1'768'654'923);
}

TEST(Moments, TakesTimesInUtc) {
  EXPECT_EQ(seconds("now"), 1'769'864'523);
  EXPECT_EQ(seconds("today"), 1'769'817'600);
  EXPECT_EQ(seconds("yesterday"), 1'769'731'200);
  EXPECT_EQ(seconds("2026-01-31"), 1'769'817'600);
  EXPECT_EQ(seconds("2026-01-31T12:00"), 1'769'860'800);
  EXPECT_EQ(seconds("2026-01-31T12:00:05Z"), 1'769'860'805);
  EXPECT_EQ(seconds("2026-01-31 12:00"), 1'769'860'800);
  EXPECT_EQ(seconds("2024-02-29"), 1'709'164'800);
  EXPECT_EQ(seconds("2262-04-11T23:47:16"), 9'223'372'036);  // the last that nanoseconds hold
}

TEST(Moments, RefusesEverythingElse) {
  for (const char* text :
       {"", "h", "0h", "-3h", "3", "3y", "24hh", "24 h", "101000d", "tomorrow", "2026-13-01",
        "2026-01-31T12", "2026-01-31T12:00+01:00", "12:00", "2026-02-29", "2026-02-30T12:00Z",
        "2026-04-31", "9999-12-31", "0001-01-01"}) {
    const auto moment = moment_of(text, kNow);
    ASSERT_FALSE(moment.ok()) << text;
    EXPECT_EQ(moment.error().code, ExitCode::usage);
    EXPECT_FALSE(moment.error().hint.empty());
  }
}

}  // namespace
}  // namespace closewatch
