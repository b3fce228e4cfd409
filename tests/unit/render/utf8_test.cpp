// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/utf8.h"

#include <gtest/gtest.h>

#include <cstddef>

namespace closewatch {
namespace {

struct Sequence {
  std::string_view bytes;
  char32_t value;
  unsigned length;
  bool valid;
};

class FirstCodePoint : public testing::TestWithParam<Sequence> {};

TEST_P(FirstCodePoint, IsReadStrictly) {
  const CodePoint point = first_code_point(GetParam().bytes);
  EXPECT_EQ(point.valid, GetParam().valid);
  EXPECT_EQ(point.length, GetParam().length);
  EXPECT_EQ(point.value, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Sequences, FirstCodePoint,
    testing::Values(
        Sequence{"a", U'a', 1, true}, Sequence{"\x7f", 0x7f, 1, true},
        Sequence{"\xc2\x80", 0x80, 2, true}, Sequence{"\xdf\xbf", 0x7ff, 2, true},
        Sequence{"\xe0\xa0\x80", 0x800, 3, true}, Sequence{"\xed\x9f\xbf", 0xd7ff, 3, true},
        Sequence{"\xee\x80\x80", 0xe000, 3, true}, Sequence{"\xef\xbf\xbf", 0xffff, 3, true},
        Sequence{"\xf0\x90\x80\x80", 0x10000, 4, true},
        Sequence{"\xf4\x8f\xbf\xbf", 0x10ffff, 4, true}, Sequence{"\xc3\xa9xyz", 0xe9, 2, true},
        Sequence{"\x80", 0, 1, false},              // continuation alone
        Sequence{"\xc0\x80", 0, 1, false},          // overlong
        Sequence{"\xc1\xbf", 0, 1, false},          // overlong
        Sequence{"\xe0\x9f\xbf", 0, 1, false},      // overlong
        Sequence{"\xf0\x8f\xbf\xbf", 0, 1, false},  // overlong
        Sequence{"\xed\xa0\x80", 0, 1, false},      // surrogate
        Sequence{"\xed\xbf\xbf", 0, 1, false},      // surrogate
        Sequence{"\xf4\x90\x80\x80", 0, 1, false},  // above U+10FFFF
        Sequence{"\xf5\x80\x80\x80", 0, 1, false}, Sequence{"\xff", 0, 1, false},
        Sequence{"\xe4\xb8", 0, 1, false},     // cut short
        Sequence{"\xe4\xb8x", 0, 1, false}));  // broken off

TEST(IsDeceptive, CoversWhatHidesOrMisleads) {
  for (const char32_t value : {0x00U,   0x1bU,   0x1fU,   0x7fU,   0x80U,   0x9bU,   0x9fU,
                               0xadU,   0x61cU,  0x200bU, 0x200eU, 0x200fU, 0x2028U, 0x2029U,
                               0x202aU, 0x202eU, 0x2066U, 0x2069U, 0xfeffU, 0xe0041U}) {
    EXPECT_TRUE(is_deceptive(value)) << std::hex << static_cast<unsigned>(value);
  }
  for (const char32_t value :
       {0x20U, 0x7eU, 0xa0U, 0xe9U, 0x2010U, 0x2027U, 0x202fU, 0x4e2dU, 0xfffdU, 0x1f600U}) {
    EXPECT_FALSE(is_deceptive(value)) << std::hex << static_cast<unsigned>(value);
  }
}

TEST(TerminalColumns, IsOneTwoOrNone) {
  EXPECT_EQ(terminal_columns(U'a'), 1);
  EXPECT_EQ(terminal_columns(0xe9), 1);
  EXPECT_EQ(terminal_columns(0x4e2d), 2);
  EXPECT_EQ(terminal_columns(0x1f600), 2);
  EXPECT_EQ(terminal_columns(0x301), 0);
  EXPECT_EQ(terminal_columns(0x1b), 0);
  EXPECT_EQ(terminal_columns(0x7f), 0);
  EXPECT_EQ(terminal_columns(0x9b), 0);
  EXPECT_EQ(terminal_columns(0x202e), 0);
  EXPECT_EQ(terminal_columns(0x3164), 0);
}

}  // namespace
}  // namespace closewatch
