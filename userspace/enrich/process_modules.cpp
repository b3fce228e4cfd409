// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/process_modules.h"

#include <algorithm>
#include <charconv>

#include "userspace/enrich/hex_text.h"
#include "userspace/enrich/process_files.h"

namespace closewatch {
namespace {

// Takes a hexadecimal number and the character after it off the front.
bool take_number(std::string_view& text, char after, std::uint64_t& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  const auto length = static_cast<std::size_t>(parsed.ptr - text.data());
  if (parsed.ec != std::errc() || length == text.size() || text[length] != after) {
    return false;
  }
  text.remove_prefix(length + 1);
  return true;
}

void skip_field(std::string_view& text) {
  text.remove_prefix(std::min(text.find(' '), text.size()));
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

std::optional<std::string> file_of(std::string_view path) {
  if (path == "[vdso]") {
    return std::string(path);
  }
  return path.starts_with('/') ? file_name_in(path) : std::nullopt;
}

}  // namespace

// "7f01c000-7f02c000 r-xp 00026000 08:01 1234    /usr/lib/libc.so.6": show_map_vma(), 5.10 to 7.2.
ProcessModules::ProcessModules(std::string_view maps) {
  while (!maps.empty() && mappings_.size() < kMost) {
    const std::size_t end = std::min(maps.find('\n'), maps.size());
    std::string_view line = maps.substr(0, end);
    maps.remove_prefix(std::min(end + 1, maps.size()));
    Mapping mapping{};
    if (!take_number(line, '-', mapping.begin) || !take_number(line, ' ', mapping.end) ||
        line.size() < 5 || line[2] != 'x') {
      continue;
    }
    line.remove_prefix(5);
    if (!take_number(line, ' ', mapping.offset)) {
      continue;
    }
    skip_field(line);  // device
    skip_field(line);  // inode
    if (auto file = file_of(line)) {
      mapping.file = std::move(*file);
      mappings_.push_back(std::move(mapping));
    }
  }
}

std::optional<std::string> ProcessModules::name(std::uint64_t address) const {
  const auto after = std::upper_bound(
      mappings_.begin(), mappings_.end(), address,
      [](std::uint64_t value, const Mapping& mapping) { return value < mapping.begin; });
  if (after == mappings_.begin() || address >= std::prev(after)->end) {
    return std::nullopt;
  }
  const Mapping& mapping = *std::prev(after);
  return with_offset(mapping.file, address - mapping.begin + mapping.offset);
}

}  // namespace closewatch
