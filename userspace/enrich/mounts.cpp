// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/mounts.h"

#include <string_view>

namespace closewatch {
namespace {

// Takes the text before the next `separator` (or all) off the front of `text`.
std::string_view next_piece(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return piece;
}

// mountinfo writes space, tab, newline and backslash as \ooo (proc(5)).
std::string without_octal_escapes(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::vector<Mount> read_mounts(const HostFiles& files) {
  const auto text = files.read("/proc/self/mountinfo");
  std::vector<Mount> mounts;
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (!rest.empty()) {
    // 31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw
    std::string_view line = next_piece(rest, '\n');
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) {
      continue;
    }
    std::string_view after = line.substr(dash + 3);
    for (int field = 0; field < 3; ++field) {
      next_piece(line, ' ');
    }
    Mount& mount = mounts.emplace_back();
    mount.root = without_octal_escapes(next_piece(line, ' '));
    mount.path = without_octal_escapes(next_piece(line, ' '));
    mount.type = next_piece(after, ' ');
  }
  return mounts;
}

}  // namespace closewatch
