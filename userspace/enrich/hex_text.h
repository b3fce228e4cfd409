// SPDX-License-Identifier: Apache-2.0
// Addresses as the frames of a stack show them.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace closewatch {

// "0x1d", in lower case.
inline std::string hex_text(std::uint64_t value) {
  char digits[16];
  return "0x" + std::string(digits, std::to_chars(digits, digits + sizeof digits, value, 16).ptr);
}

// "tcp_close+0x1d".
inline std::string with_offset(std::string_view name, std::uint64_t offset) {
  return std::string(name) + '+' + hex_text(offset);
}

}  // namespace closewatch
