// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/quantity.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace closewatch {
namespace {

std::string count_text(std::uint64_t count) {
  TextBuffer out;
  append_count(out, count);
  return std::string(view_of(out));
}

std::string duration_text(std::uint64_t microseconds) {
  TextBuffer out;
  append_duration(out, microseconds);
  return std::string(view_of(out));
}

TEST(Count, IsExactUpToSixDigits) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999'999), "999999");
}

TEST(Count, BeyondIsRoundedWithAUnit) {
  EXPECT_EQ(count_text(1'000'000), "1.0M");
  EXPECT_EQ(count_text(1'249'999), "1.2M");
  EXPECT_EQ(count_text(1'250'000), "1.3M");
  EXPECT_EQ(count_text(99'949'999), "99.9M");
  EXPECT_EQ(count_text(99'950'000), "100M");
  EXPECT_EQ(count_text(999'499'999), "999M");
  EXPECT_EQ(count_text(999'500'000), "1.0G");
  EXPECT_EQ(count_text(4'294'967'295), "4.3G");
  EXPECT_EQ(count_text(340'000'000'000), "340G");
  EXPECT_EQ(count_text(1'500'000'000'000), "1.5T");
  EXPECT_EQ(count_text(std::numeric_limits<std::uint64_t>::max()), "18.4E");
}

TEST(Duration, HasTwoOrThreeDigitsAndAUnit) {
  EXPECT_EQ(duration_text(0), "0us");
  EXPECT_EQ(duration_text(999), "999us");
  EXPECT_EQ(duration_text(1'000), "1.0ms");
  EXPECT_EQ(duration_text(3'449), "3.4ms");
  EXPECT_EQ(duration_text(3'450), "3.5ms");
  EXPECT_EQ(duration_text(9'949), "9.9ms");
  EXPECT_EQ(duration_text(9'950), "10ms");
  EXPECT_EQ(duration_text(999'499), "999ms");
  EXPECT_EQ(duration_text(999'500), "1.00s");
  EXPECT_EQ(duration_text(1'200'000), "1.20s");
  EXPECT_EQ(duration_text(9'994'999), "9.99s");
  EXPECT_EQ(duration_text(9'995'000), "10.0s");
  EXPECT_EQ(duration_text(99'950'000), "100s");
  EXPECT_EQ(duration_text(999'500'000), "16.7m");
  EXPECT_EQ(duration_text(3'600'000'000), "60.0m");
  EXPECT_EQ(duration_text(5'997'000'000), "100m");
  EXPECT_EQ(duration_text(59'970'000'000), "16.7h");
  EXPECT_EQ(duration_text(9'999ULL * 3'600'000'000), "9999h");
}

TEST(Quantity, NeverLeavesItsColumn) {
  for (std::uint64_t value = 1; value < std::numeric_limits<std::uint64_t>::max() / 3; value *= 3) {
    EXPECT_LE(count_text(value).size(), 6U) << value;
    if (value < 9'999ULL * 3'600'000'000) {
      EXPECT_LE(duration_text(value).size(), 5U) << value;
    }
  }
}

}  // namespace
}  // namespace closewatch
