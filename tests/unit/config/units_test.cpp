// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/units.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

using namespace std::chrono_literals;

TEST(Units, ReadsDurations) {
  EXPECT_EQ(parse_duration("7ns"), 7ns);
  EXPECT_EQ(parse_duration("20us"), 20us);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("30d"), 720h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("9223372036s"), 9223372036s);
}

TEST(Units, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "90", "90 s", " 90s", "90s ", "-1s", "+1s", "1.5s", "1h30m",
                           "90S", "9223372037s", "18446744073709551616ns"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Units, ReadsSizes) {
  EXPECT_EQ(parse_size("512B"), 512);
  EXPECT_EQ(parse_size("64KiB"), 65536);
  EXPECT_EQ(parse_size("512MiB"), 536870912);
  EXPECT_EQ(parse_size("2GiB"), 2147483648);
  EXPECT_EQ(parse_size("1TiB"), 1099511627776);
}

TEST(Units, RefusesWhatIsNoSize) {
  for (const char* text : {"", "512", "512MB", "512M", "512mib", "1.5GiB", "-1B", "8388608TiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Units, WritesTheLargestWholeUnit) {
  EXPECT_EQ(duration_text(0s), "0s");
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(120s), "2m");
  EXPECT_EQ(duration_text(48h), "2d");
  EXPECT_EQ(duration_text(1500ms), "1500ms");
  EXPECT_EQ(size_text(0), "0B");
  EXPECT_EQ(size_text(1536), "1536B");
  EXPECT_EQ(size_text(4U << 20), "4MiB");
}

}  // namespace
}  // namespace closewatch
