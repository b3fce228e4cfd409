// SPDX-License-Identifier: Apache-2.0
// Strict UTF-8 reading (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above
// U+10FFFF) and what a code point does to a reader: is it invisible or misleading, how many
// terminal columns does it take.
#pragma once

#include <cstdint>
#include <string_view>

namespace closewatch {

struct CodePoint {
  char32_t value = 0;
  std::uint8_t length = 1;  // bytes; 1 for a byte that begins no valid sequence
  bool valid = false;
};

// The first code point of `text`, which must not be empty.
CodePoint first_code_point(std::string_view text);

// True for what must never reach a reader raw: C0, DEL, C1, line and paragraph separators, bidi
// controls, zero-width and other invisible format characters, tag characters.
bool is_deceptive(char32_t value);

// Columns of a terminal that shows UTF-8: 1 or 2, or 0 for what takes none or is not printable. The
// answer is the C library's for its C.UTF-8 locale, whatever locale the process runs in. Where
// that locale is not installed, everything outside ASCII counts as not printable.
int terminal_columns(char32_t value);

}  // namespace closewatch
