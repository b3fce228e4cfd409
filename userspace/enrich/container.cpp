// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/container.h"

#include <algorithm>

namespace closewatch {
namespace {

constexpr std::size_t kIdLength = 64;

// Calls `take(component, parent)` from the innermost component outwards until it returns a value.
template <typename Take>
std::optional<std::string> innermost(std::string_view path, Take take) {
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string_view component = path.substr(slash == path.npos ? 0 : slash + 1);
    path = path.substr(0, slash == path.npos ? 0 : slash);
    if (auto found = take(component, path.substr(path.rfind('/') + 1))) {
      return found;
    }
  }
  return std::nullopt;
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// `text` without `before` and `after`; nullopt when it has not both, or nothing between.
std::optional<std::string_view> between(std::string_view text, std::string_view before,
                                        std::string_view after) {
  if (text.size() <= before.size() + after.size() || !text.starts_with(before) ||
      !text.ends_with(after)) {
    return std::nullopt;
  }
  return text.substr(before.size(), text.size() - before.size() - after.size());
}

// <id>, <runtime>-<id>.scope or <slice>:<runtime>:<id>
std::optional<std::string> runtime_id(std::string_view component) {
  std::string_view rest = component;
  if (rest.ends_with(".scope")) {
    rest.remove_suffix(6);
  }
  if (rest.size() < kIdLength) {
    return std::nullopt;
  }
  const std::string_view id = rest.substr(rest.size() - kIdLength);
  const std::string_view before = rest.substr(0, rest.size() - kIdLength);
  if (!std::all_of(id.begin(), id.end(), is_hex) || before.ends_with("-conmon-")) {
    return std::nullopt;
  }
  if (before.empty() || before.ends_with(':') ||
      (before.ends_with('-') && component.ends_with(".scope"))) {
    return std::string(id);
  }
  return std::nullopt;
}

// systemd writes bytes that a unit name may not hold as \xNN (systemd.unit(5)).
std::string without_unit_escapes(std::string_view text) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\\x" && i + 3 < text.size() && is_hex(text[i + 2]) &&
        is_hex(text[i + 3])) {
      out += static_cast<char>(value(text[i + 2]) * 16 + value(text[i + 3]));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// A container that is known by its name.
std::optional<std::string> machine_name(std::string_view component, std::string_view parent) {
  if (parent == "lxc" || parent == "lxc.payload") {
    return std::string(component);
  }
  if (const auto name = between(component, "lxc.payload.", "")) {
    return std::string(*name);
  }
  if (parent != "machine.slice") {
    return std::nullopt;
  }
  if (const auto name = between(component, "systemd-nspawn@", ".service")) {
    return without_unit_escapes(*name);
  }
  if (const auto name = between(component, "machine-", ".scope")) {
    std::string plain = without_unit_escapes(*name);
    if (!plain.starts_with("qemu-")) {  // libvirt: a virtual machine, and the process is the host's
      return plain;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> container_of(std::string_view cgroup_path) {
  return innermost(cgroup_path, [](std::string_view component, std::string_view parent) {
    auto id = runtime_id(component);
    return id ? id : machine_name(component, parent);
  });
}

std::optional<std::string> unit_of(std::string_view cgroup_path) {
  return innermost(cgroup_path, [](std::string_view component, std::string_view /*parent*/) {
    return between(component, "", ".service") || between(component, "", ".scope")
               ? std::optional(std::string(component))
               : std::nullopt;
  });
}

}  // namespace closewatch
