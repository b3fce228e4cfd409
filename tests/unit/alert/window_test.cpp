// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/window.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace closewatch::alert {
namespace {

constexpr std::int64_t kMinute = 60'000;  // any unit: a bucket is 1000
constexpr std::int64_t kStart = 1'769'860'800'000;

Amounts closures(std::uint64_t count) { return {.matched = count, .bytes = 0, .covered = 0}; }

TEST(Window, KeepsWhatHappenedAtLeastItsLengthAndAtMostABucketMore) {
  Window window(kMinute, false);
  window.advance(kStart + 300);
  EXPECT_TRUE(window.add(kStart + 300, closures(1)));
  window.advance(kStart + 60'999);
  EXPECT_EQ(window.now().matched, 1);
  window.advance(kStart + 61'000);
  EXPECT_EQ(window.now().matched, 0);
  EXPECT_TRUE(window.empty());
}

TEST(Window, TellsWhenItsSumsMayChange) {
  Window window(kMinute, false);
  EXPECT_EQ(window.due_ns(), std::nullopt);
  window.advance(kStart + 300);
  window.add(kStart + 300, closures(1));
  EXPECT_EQ(window.due_ns(), kStart + 1'000);
  window.advance(kStart + 60'000);
  EXPECT_EQ(window.due_ns(), kStart + 61'000);
}

TEST(Window, TakesWhatIsLateIntoItsOwnBucket) {
  Window window(kMinute, false);
  window.advance(kStart + 60'500);
  EXPECT_TRUE(window.add(kStart, closures(1)));
  EXPECT_FALSE(window.add(kStart - 1, closures(1)));
  EXPECT_EQ(window.now().matched, 1);
  window.advance(kStart + 61'000);
  EXPECT_EQ(window.now().matched, 0);
}

TEST(Window, MovesWhatLeavesIntoTheLengthBefore) {
  Window window(kMinute, true);
  window.advance(kStart);
  window.add(kStart, closures(3));
  window.advance(kStart + 61'000);
  EXPECT_EQ(window.now().matched, 0);
  EXPECT_EQ(window.before().matched, 3);
  EXPECT_FALSE(window.empty());
  window.advance(kStart + 120'999);
  EXPECT_EQ(window.before().matched, 3);
  window.advance(kStart + 121'000);
  EXPECT_TRUE(window.empty());
}

TEST(Window, TakesAwayWhatIsThereAndNoMore) {
  Window window(kMinute, false);
  window.advance(kStart);
  window.add(kStart, {.matched = 1, .bytes = 5, .covered = 1});
  EXPECT_FALSE(window.take_away(kStart, {.matched = 1, .bytes = 6, .covered = 1}));
  EXPECT_TRUE(window.take_away(kStart, {.matched = 1, .bytes = 5, .covered = 1}));
  EXPECT_TRUE(window.empty());
}

TEST(Window, AJumpForgetsEverything) {
  Window window(kMinute, true);
  window.advance(kStart);
  window.add(kStart, closures(3));
  window.advance(kStart + 1'000'000'000);
  EXPECT_TRUE(window.empty());
  window.advance(kStart);  // into the past: nothing changes
  EXPECT_TRUE(window.add(kStart + 1'000'000'000, closures(1)));
}

// Against a list of every single event.
TEST(Window, AgreesWithAListOfAllEvents) {
  std::minstd_rand random(7);
  Window window(kMinute, true);
  std::deque<std::int64_t> events;
  std::int64_t now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    now += static_cast<std::int64_t>(random() % (step % 500 == 0 ? 200'000 : 400));
    window.advance(now);
    if (random() % 3 != 0) {
      events.push_back(now);
      ASSERT_TRUE(window.add(now, closures(1)));
    }
    std::uint64_t in_now = 0;
    std::uint64_t in_before = 0;
    for (const std::int64_t event : events) {
      const std::int64_t age = now / 1000 - event / 1000;  // in buckets
      in_now += age <= 60 ? 1 : 0;
      in_before += age > 60 && age <= 120 ? 1 : 0;
    }
    while (!events.empty() && now - events.front() > 200'000) {
      events.pop_front();
    }
    ASSERT_EQ(window.now().matched, in_now);
    ASSERT_EQ(window.before().matched, in_before);
  }
}

}  // namespace
}  // namespace closewatch::alert
