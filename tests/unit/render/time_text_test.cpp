// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/time_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace closewatch {
namespace {

std::string rfc3339(std::int64_t unix_ns, unsigned digits = 9) {
  TextBuffer out;
  append_rfc3339(out, unix_ns, digits);
  return std::string(view_of(out));
}

TEST(Rfc3339, HasNineDigitsAndZ) {
  EXPECT_EQ(rfc3339(1'769'860'800'123'456'789), "2026-01-31T12:00:00.123456789Z");
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(1'709'251'199'999'999'999), "2024-02-29T23:59:59.999999999Z");
  EXPECT_EQ(rfc3339(4'107'542'400'000'000'001), "2100-03-01T00:00:00.000000001Z");
}

TEST(Rfc3339, BeforeTheEpochCountsBackwards) {
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
}

TEST(Rfc3339, CoversTheWholeRange) {
  EXPECT_EQ(rfc3339(std::numeric_limits<std::int64_t>::max()), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(rfc3339(std::numeric_limits<std::int64_t>::min()), "1677-09-21T00:12:43.145224192Z");
}

TEST(Rfc3339, CutsDigitsOffWithoutRounding) {
  EXPECT_EQ(rfc3339(1'769'860'800'999'999'999, 3), "2026-01-31T12:00:00.999Z");
  EXPECT_EQ(rfc3339(1'769'860'800'999'999'999, 0), "2026-01-31T12:00:00Z");
}

TEST(TimeOfDay, IsUtc) {
  TextBuffer out;
  append_time_of_day(out, 1'709'251'199'999'999'999);
  EXPECT_EQ(view_of(out), "23:59:59");
}

}  // namespace
}  // namespace closewatch
