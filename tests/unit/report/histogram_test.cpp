// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace closewatch {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

Histogram histogram_of(const std::vector<std::uint64_t>& values) {
  Histogram histogram;
  for (const std::uint64_t value : values) {
    histogram.record(value);
  }
  return histogram;
}

// The definition, on sorted values: the smallest one that at least this fraction do not exceed.
std::uint64_t exact_quantile(const std::vector<std::uint64_t>& sorted, double fraction) {
  const double rank = std::ceil(fraction * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(rank) - 1];
}

void expect_close(const Histogram& histogram, const std::vector<std::uint64_t>& sorted) {
  for (const double fraction : {0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const std::uint64_t exact = exact_quantile(sorted, fraction);
    const std::uint64_t read = histogram.quantile(fraction);
    EXPECT_GE(read, exact) << fraction;
    EXPECT_LE(read - exact, exact / 16) << fraction << ": " << exact << " read as " << read;
  }
}

TEST(Histogram, IsZeroWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0U);
}

TEST(Histogram, IsExactBelowThirtyTwo) {
  for (std::uint64_t value = 0; value < 32; ++value) {
    const Histogram histogram = histogram_of({value, value, 1000});
    EXPECT_EQ(histogram.quantile(0.5), value);
  }
}

TEST(Histogram, ReadsTheEndOfTheBucketButNeverBeyondTheMaximum) {
  // 1000 lies in the bucket 992..1023
  EXPECT_EQ(histogram_of({1000, 1000, 5000}).quantile(0.5), 1023U);
  EXPECT_EQ(histogram_of({1000}).quantile(0.5), 1000U);
  EXPECT_EQ(histogram_of({1000, 5000}).max(), 5000U);
  EXPECT_EQ(histogram_of({1000, 5000}).quantile(1.0), 5000U);
}

TEST(Histogram, HoldsTheWholeRange) {
  const Histogram histogram = histogram_of({0, kMax, kMax});
  EXPECT_EQ(histogram.quantile(0.3), 0U);
  EXPECT_EQ(histogram.quantile(0.5), kMax);
  EXPECT_EQ(histogram.max(), kMax);
}

TEST(Histogram, StaysWithinItsErrorAtEveryEdge) {
  for (unsigned bit = 5; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t value : {power - 1, power, power + 1, power + power / 16 - 1,
                                      power + power / 16, power + (power - 1)}) {
      expect_close(histogram_of({value, kMax}), {value, kMax});
    }
  }
}

TEST(Histogram, FollowsSortedValues) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> spread(8.0, 3.0);
  std::vector<std::uint64_t> values;
  for (int round = 0; round < 20'000; ++round) {
    values.push_back(static_cast<std::uint64_t>(spread(random)));
  }
  const Histogram histogram = histogram_of(values);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.count(), 20'000U);
  EXPECT_EQ(histogram.max(), values.back());
  expect_close(histogram, values);
}

TEST(Histogram, MergesWithoutLoss) {
  const std::vector<std::uint64_t> small{1, 2, 3, 40};
  const std::vector<std::uint64_t> large{5, 1'000'000, 2'000'000};
  Histogram forward = histogram_of(small);
  forward.merge(histogram_of(large));
  Histogram backward = histogram_of(large);
  backward.merge(histogram_of(small));
  for (const Histogram& merged : {forward, backward}) {
    EXPECT_EQ(merged.count(), 7U);
    EXPECT_EQ(merged.max(), 2'000'000U);
    expect_close(merged, {1, 2, 3, 5, 40, 1'000'000, 2'000'000});
  }
}

}  // namespace
}  // namespace closewatch
