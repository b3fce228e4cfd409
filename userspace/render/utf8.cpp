// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/utf8.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <array>

namespace closewatch {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

constexpr std::array<Range, 13> kDeceptive{{
    {0x00, 0x1f},        // C0
    {0x7f, 0x9f},        // DEL, C1
    {0xad, 0xad},        // soft hyphen
    {0x61c, 0x61c},      // Arabic letter mark
    {0x115f, 0x1160},    // Hangul fillers
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200f},    // zero width, left-to-right and right-to-left marks
    {0x2028, 0x202e},    // separators, bidi embeddings and overrides
    {0x2060, 0x206f},    // word joiner, invisible operators, bidi isolates
    {0x3164, 0x3164},    // Hangul filler
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // interlinear annotation
    {0xe0000, 0xe007f},  // tags
}};

constexpr bool is_continuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1, true};
  }
  std::uint8_t length = 0;
  char32_t value = 0;
  char32_t smallest = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    value = lead & 0x1fU;
    smallest = 0x80;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    value = lead & 0x0fU;
    smallest = 0x800;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    value = lead & 0x07U;
    smallest = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) {
    return {};
  }
  for (std::size_t index = 1; index < length; ++index) {
    if (!is_continuation(byte(index))) {
      return {};
    }
    value = (value << 6) | (byte(index) & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < smallest || value > 0x10ffff || surrogate) {
    return {};
  }
  return {value, length, true};
}

bool is_deceptive(char32_t value) {
  return std::any_of(kDeceptive.begin(), kDeceptive.end(), [value](const Range& range) {
    return value >= range.first && value <= range.last;
  });
}

int terminal_columns(char32_t value) {
  if (value < 0x80) {
    return value >= 0x20 && value != 0x7f ? 1 : 0;
  }
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8 == nullptr || is_deceptive(value)) {
    return 0;
  }
  const locale_t previous = ::uselocale(utf8);
  const int columns = ::wcwidth(static_cast<wchar_t>(value));
  ::uselocale(previous);
  return std::max(columns, 0);
}

}  // namespace closewatch
