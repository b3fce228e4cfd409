// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/time_histogram.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

TEST(TimeHistogramTest, CountsAValueInTheBucketWhoseBoundItDoesNotExceed) {
  TimeHistogram times;
  for (const std::uint64_t us :
       std::array<std::uint64_t, 5>{0, 100, 101, 1'000'000'000, 1'000'000'001}) {
    times.record(us);
  }
  EXPECT_EQ(times.in_bucket(0), 2U);
  EXPECT_EQ(times.in_bucket(1), 1U);
  EXPECT_EQ(times.in_bucket(10), 1U);
  EXPECT_EQ(times.in_bucket(11), 1U);
  EXPECT_EQ(times.count(), 5U);
  EXPECT_EQ(times.sum_us(), 2'000'000'202U);
}

TEST(TimeHistogramTest, MergesByAddition) {
  TimeHistogram times;
  times.record(50);
  TimeHistogram other;
  other.record(60);
  other.record(2'000'000);
  times.merge(other);
  EXPECT_EQ(times.in_bucket(0), 2U);
  EXPECT_EQ(times.in_bucket(6), 1U);
  EXPECT_EQ(times.count(), 3U);
  EXPECT_EQ(times.sum_us(), 2'000'110U);
}

}  // namespace
}  // namespace closewatch
