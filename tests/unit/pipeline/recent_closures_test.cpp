// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/recent_closures.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

TEST(RecentClosures, FindsWhatItRemembers) {
  RecentClosures<int> recent(64);
  recent.remember({100, 0}, 1);
  recent.remember({100, 1}, 2);  // the same moment on another CPU
  ASSERT_NE(recent.find({100, 0}), nullptr);
  EXPECT_EQ(*recent.find({100, 0}), 1);
  ASSERT_NE(recent.find({100, 1}), nullptr);
  EXPECT_EQ(*recent.find({100, 1}), 2);
  EXPECT_EQ(recent.find({101, 0}), nullptr);
}

TEST(RecentClosures, ForgetsTheOneThatItIsTold) {
  RecentClosures<int> recent(1);
  recent.remember({100, 0}, 1);
  recent.forget({101, 0});  // has the same place
  EXPECT_NE(recent.find({100, 0}), nullptr);
  recent.forget({100, 0});
  EXPECT_EQ(recent.find({100, 0}), nullptr);
}

TEST(RecentClosures, NeverTakesAnEmptyPlaceForAClosure) {
  RecentClosures<int> recent(64);
  EXPECT_EQ(recent.find({}), nullptr);
}

TEST(RecentClosures, ForgetsInsteadOfGrowingAndNeverMixesUp) {
  RecentClosures<std::uint64_t> recent(64);
  for (std::uint64_t end = 1; end <= 1000; ++end) {
    recent.remember({end, 0}, end);
  }
  std::size_t found = 0;
  for (std::uint64_t end = 1; end <= 1000; ++end) {
    if (const std::uint64_t* value = recent.find({end, 0})) {
      EXPECT_EQ(*value, end);
      ++found;
    }
  }
  EXPECT_LE(found, 64U);
  EXPECT_GE(found, 32U);
  EXPECT_NE(recent.find({1000, 0}), nullptr);
}

}  // namespace
}  // namespace closewatch
