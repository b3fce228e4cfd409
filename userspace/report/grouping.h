// SPDX-License-Identifier: Apache-2.0
// What the counts of a report are kept apart by.
#pragma once

#include <cstdint>
#include <string_view>

namespace closewatch {

enum class Grouping : std::uint8_t {
  process,  // pid and start time
  exe,      // file name of the executable
  cgroup,   // path
  peer,     // network of the peer: /24 of IPv4, /64 of IPv6
  port,     // of the service: local where it was accepted, the peer's where it was opened here
};
inline constexpr std::size_t kGroupingCount = 5;

// As the command line and every output form call it.
constexpr std::string_view name_of(Grouping grouping) {
  constexpr std::string_view kNames[kGroupingCount] = {"process", "exe", "cgroup", "peer", "port"};
  return kNames[static_cast<std::size_t>(grouping)];
}

}  // namespace closewatch
