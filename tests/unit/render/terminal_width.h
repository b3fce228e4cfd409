// SPDX-License-Identifier: Apache-2.0
// How wide a line is on a UTF-8 terminal, counted by the C library's multibyte functions and not by
// the code under test. Colours take no room; what cannot be shown makes the width -1.
#pragma once

#include <locale.h>
#include <wchar.h>

#include <string>
#include <string_view>

namespace closewatch {

inline std::string without_colours(std::string_view line) {
  std::string plain;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line.substr(at, 2) == "\033[") {
      at = line.find('m', at);
    } else {
      plain += line[at];
    }
  }
  return plain;
}

inline int terminal_width(std::string_view line) {
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t previous = ::uselocale(utf8);
  const std::string plain = without_colours(line);
  int width = 0;
  mbstate_t state{};
  for (std::size_t at = 0; at < plain.size() && width >= 0;) {
    wchar_t character = 0;
    const std::size_t length = ::mbrtowc(&character, plain.data() + at, plain.size() - at, &state);
    const bool valid = length > 0 && length <= plain.size();
    const int columns = valid ? ::wcwidth(character) : -1;
    width = columns < 0 ? -1 : width + columns;
    at += length;
  }
  ::uselocale(previous);
  return width;
}

}  // namespace closewatch
