// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/escape.h"

#include <algorithm>
#include <array>

#include "userspace/render/utf8.h"

namespace closewatch {
namespace {

using ByteSet = std::array<bool, 256>;

constexpr ByteSet printable_ascii_except(std::string_view excluded) {
  ByteSet set{};
  for (std::size_t byte = 0x20; byte < 0x7f; ++byte) {
    set[byte] = excluded.find(static_cast<char>(byte)) == std::string_view::npos;
  }
  return set;
}

constexpr ByteSet kJsonPlain = printable_ascii_except("\"\\");
constexpr ByteSet kTerminalPlain = printable_ascii_except("\\");
constexpr ByteSet kCsvPlain = printable_ascii_except("\\\"");
constexpr std::string_view kHex = "0123456789abcdef";

// Moves the longest prefix of `text` that is made of `plain` bytes to `out`.
void append_plain_prefix(TextBuffer& out, std::string_view& text, const ByteSet& plain) {
  std::size_t length = 0;
  while (length < text.size() && plain[static_cast<unsigned char>(text[length])]) {
    ++length;
  }
  append(out, text.substr(0, length));
  text.remove_prefix(length);
}

void append_hex_byte(TextBuffer& out, unsigned char byte) {
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 0xf]);
}

void append_hex_bytes(TextBuffer& out, std::string_view bytes, std::string_view prefix) {
  for (const char byte : bytes) {
    append(out, prefix);
    append_hex_byte(out, static_cast<unsigned char>(byte));
  }
}

void append_utf16_unit(TextBuffer& out, char32_t unit) {
  append(out, "\\u");
  append_hex_byte(out, static_cast<unsigned char>(unit >> 8));
  append_hex_byte(out, static_cast<unsigned char>(unit & 0xff));
}

void append_json_code_point(TextBuffer& out, std::string_view bytes, const CodePoint& point) {
  constexpr char32_t kReplacement = 0xfffd;
  if (!point.valid || point.value == kReplacement) {
    append_hex_bytes(out, bytes, "\\ufffd");
  } else if (point.value == '"' || point.value == '\\') {
    out.push_back('\\');
    append(out, bytes);
  } else if (!is_deceptive(point.value)) {
    append(out, bytes);
  } else if (point.value <= 0xffff) {
    append_utf16_unit(out, point.value);
  } else {
    append_utf16_unit(out, 0xd800 + ((point.value - 0x10000) >> 10));
    append_utf16_unit(out, 0xdc00 + ((point.value - 0x10000) & 0x3ff));
  }
}

void append_escaped_bytes(TextBuffer& out, std::string_view bytes) {
  append_hex_bytes(out, bytes, "\\x");
}

bool begins_like_a_formula(std::string_view text) {
  if (text.empty()) {
    return false;
  }
  constexpr std::u32string_view kMarks = U"=+-@'\uff1d\uff0b\uff0d\uff20";
  return kMarks.find(first_code_point(text).value) != std::u32string_view::npos;
}

}  // namespace

void append_json_string(TextBuffer& out, std::string_view text) {
  out.push_back('"');
  append_plain_prefix(out, text, kJsonPlain);
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    append_json_code_point(out, text.substr(0, point.length), point);
    text.remove_prefix(point.length);
    append_plain_prefix(out, text, kJsonPlain);
  }
  out.push_back('"');
}

void append_terminal_text(TextBuffer& out, std::string_view text, Charset charset) {
  append_plain_prefix(out, text, kTerminalPlain);
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const std::string_view bytes = text.substr(0, point.length);
    if (point.value == '\\') {
      append(out, "\\\\");
    } else if (charset == Charset::utf8 && point.valid && terminal_columns(point.value) > 0) {
      append(out, bytes);
    } else {
      append_escaped_bytes(out, bytes);
    }
    text.remove_prefix(point.length);
    append_plain_prefix(out, text, kTerminalPlain);
  }
}

void append_message(TextBuffer& out, std::string_view text) {
  constexpr std::string_view kGoesOn = "\n       ";
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const std::string_view bytes = text.substr(0, point.length);
    const bool plain = point.valid && terminal_columns(point.value) > 0;
    if (plain || text.starts_with(kGoesOn)) {
      append(out, bytes);
    } else {
      append_escaped_bytes(out, bytes);
    }
    text.remove_prefix(point.length);
  }
}

void append_csv_cell(TextBuffer& out, std::string_view text) {
  const bool formula = begins_like_a_formula(text);
  const bool padded = !text.empty() && (text.front() == ' ' || text.back() == ' ');
  const bool quoted = padded || text.find_first_of(",\"") != std::string_view::npos;
  append(out, quoted ? "\"" : "");
  append(out, formula ? "'" : "");
  append_plain_prefix(out, text, kCsvPlain);
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const std::string_view bytes = text.substr(0, point.length);
    if (point.value == '\\' || point.value == '"') {
      append(out, bytes);
      append(out, bytes);
    } else if (point.valid && !is_deceptive(point.value)) {
      append(out, bytes);
    } else {
      append_escaped_bytes(out, bytes);
    }
    text.remove_prefix(point.length);
    append_plain_prefix(out, text, kCsvPlain);
  }
  append(out, quoted ? "\"" : "");
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    columns += static_cast<std::size_t>(terminal_columns(point.value));
    text.remove_prefix(point.length);
  }
  return columns;
}

std::size_t fit_columns(TextBuffer& out, std::size_t from, std::size_t width) {
  std::size_t columns = 0;
  std::size_t kept = 0;          // bytes that leave a column for the mark
  std::size_t kept_columns = 0;  // columns of these
  std::string_view rest = view_of(out, from);
  const std::size_t size = rest.size();
  while (!rest.empty()) {
    const CodePoint point = first_code_point(rest);
    columns += static_cast<std::size_t>(terminal_columns(point.value));
    if (columns > width) {
      out.truncate(from + kept);
      out.push_back('~');
      return kept_columns + 1;
    }
    rest.remove_prefix(point.length);
    if (columns < width) {
      kept = size - rest.size();
      kept_columns = columns;
    }
  }
  return columns;
}

}  // namespace closewatch
