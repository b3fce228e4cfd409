// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace closewatch {
namespace {

TEST(Nearest, CountsChangesOfOneLetter) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("hooks", "hook"), 1);
}

TEST(Nearest, FindsWhatWasMeant) {
  const std::vector<std::string> known{"path", "max_size", "keep_rows", "ip"};
  EXPECT_EQ(nearest("max_siz", known), "max_size");
  EXPECT_EQ(nearest("maxsize", known), "max_size");
  EXPECT_EQ(nearest("pth", known), "path");
  EXPECT_EQ(nearest("keep_row", known), "keep_rows");
}

TEST(Nearest, SaysNothingWhenNoneIsClose) {
  const std::vector<std::string> known{"path", "max_size", "ip"};
  EXPECT_EQ(nearest("colour", known), "");
  EXPECT_EQ(nearest("xy", known), "");  // all of "ip" would change
  EXPECT_EQ(nearest(std::string(1000, 'p'), known), "");
  EXPECT_EQ(nearest("path", {}), "");
}

}  // namespace
}  // namespace closewatch
