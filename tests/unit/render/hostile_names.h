// SPDX-License-Identifier: Apache-2.0
// Names that processes could call themselves to harm whoever reads about them, and what the tests
// of every output form ask of the text that comes out.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace closewatch {

inline std::vector<std::string> hostile_names() {
  std::vector<std::string> names{
      "",
      "a\n\x1b[31m\xff\"},b",  // the example that broke ps, ss and Prometheus
      "=cmd|'/C calc'",        // a formula
      "+1",
      "-1",
      "@SUM(A1)",
      "\t=1",
      "\r=1",
      "'=1",
      " =1",
      "\xef\xbc\x9d"
      "1",
      "\xe2\x80\xae"
      "txt.exe",  // right-to-left override
      "a\xe2\x81\xa6"
      "b",                         // isolate
      "\xe2\x80\xa8\xe2\x80\xa9",  // line and paragraph separator
      "a\xe2\x80\x8b"
      "b",  // zero width space
      "\xc2\x9b"
      "31m",  // C1 control sequence introducer
      "\x9b"
      "31m",           // the same in an 8-bit terminal
      "\xef\xbf\xbd",  // a real U+FFFD
      "\xef\xbf\xbd"
      "ff",  // that looks like an escape
      "\xff",
      "\\xff",
      "\\u00ff",
      "\\",
      "\"",
      "\"\"",
      ",",
      "a,b",
      "a\"b",
      " a",
      "a ",
      "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",  // printable: e acute, a wide ideograph, an emoji
      "\xed\xa0\x80",                          // surrogate
      "\xc0\xaf",                              // overlong slash
      "\xf4\x90\x80\x80",                      // above U+10FFFF
      "\xe4\xb8",                              // cut short
      "\xf3\xa0\x81\x81",                      // tag character
      "e\xcc\x81",                             // combining accent
  };
  std::string all;
  for (int byte = 1; byte < 256; ++byte) {
    names.emplace_back(1, static_cast<char>(byte));
    names.push_back(std::string("a") + static_cast<char>(byte) + "b");
    all.push_back(static_cast<char>(byte));
  }
  names.push_back(all);
  std::reverse(all.begin(), all.end());
  names.push_back(all);
  return names;
}

inline bool has_raw_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value < 0x20 || value == 0x7f;
  });
}

// The inverse of append_json_string() for a parsed string, as escape.h documents it: U+FFFD and two
// digits are a byte. Throws where the digits are missing.
inline std::string undo_replacements(std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  std::string bytes;
  while (!text.empty()) {
    if (text.substr(0, 3) == kReplacement) {
      bytes += static_cast<char>(std::stoi(std::string{text.at(3), text.at(4)}, nullptr, 16));
      text.remove_prefix(5);
    } else {
      bytes += text.front();
      text.remove_prefix(1);
    }
  }
  return bytes;
}

}  // namespace closewatch
