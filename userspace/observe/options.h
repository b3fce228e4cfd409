// SPDX-License-Identifier: Apache-2.0
// What a user asks of an observation, on the command line or in a configuration: plain data, not
// yet checked against the host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace closewatch {

// Which closures. What can act in the kernel does.
struct FilterOptions {
  std::vector<std::uint32_t> pids;
  std::vector<std::string> comms;  // shell patterns
  std::vector<std::string> users;  // names or numbers
  std::vector<std::uint16_t> local_ports;
  std::vector<std::uint16_t> peer_ports;
  bool ipv4 = false;
  bool ipv6 = false;
  std::string netns;   // path or inode:N; empty any
  std::string cgroup;  // path; empty any
  std::vector<std::string> classes;
  std::vector<std::string> reasons;
  bool abortive = false;
  bool lost = false;
  bool unestablished = false;

  friend bool operator==(const FilterOptions&, const FilterOptions&) = default;
};

struct KernelOptions {
  std::string hooks = "auto";  // auto, full or base
  std::uint32_t ring_bytes = 4U << 20;
  bool stacks = false;
  bool pending = false;  // Observer::pending() is going to be asked
  bool totals = false;   // for Observer::take_totals()
  bool verbose = false;

  friend bool operator==(const KernelOptions&, const KernelOptions&) = default;
};

}  // namespace closewatch
