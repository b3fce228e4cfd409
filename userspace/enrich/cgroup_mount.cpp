// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/cgroup_mount.h"

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

std::optional<CgroupMount> find_cgroup_mount(const HostFiles& files) {
  const auto mounts = files.read("/proc/self/mountinfo");
  if (!mounts) {
    return std::nullopt;
  }
  std::optional<CgroupMount> part;
  std::string_view rest = *mounts;
  while (!rest.empty()) {
    // 31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw
    std::string_view line = next_piece(rest, '\n');
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos || !line.substr(dash + 3).starts_with("cgroup2 ")) {
      continue;
    }
    for (int field = 0; field < 4; ++field) {
      next_piece(line, ' ');
    }
    CgroupMount mount{.path = without_octal_escapes(next_piece(line, ' '))};
    mount.whole = !files.exists(mount.path + "/cgroup.type");
    if (mount.whole) {
      return mount;
    }
    if (!part) {
      part = std::move(mount);
    }
  }
  return part;
}

}  // namespace closewatch
