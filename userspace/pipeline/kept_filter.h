// SPDX-License-Identifier: Apache-2.0
// The filters that act in the kernel while a host is observed (bpf/filter.bpf.h), for closures that
// were kept: in a capture or a history. They mean the same: all that is set must hold, an empty
// list is any, and a process that is not known is nobody's. Processes, cgroups and network
// namespaces need no longer exist.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "userspace/enrich/process_details.h"
#include "userspace/record/closure.h"

namespace closewatch {

struct KeptFilter {
  std::vector<std::uint32_t> pids = {};
  std::vector<std::uint32_t> uids = {};
  std::vector<std::uint16_t> local_ports = {};  // host order
  std::vector<std::uint16_t> peer_ports = {};
  std::optional<bool> ipv4 = {};            // v4-mapped counts as IPv4
  std::optional<std::uint32_t> netns = {};  // inode number
  // Path below the mount ("/system.slice", "" for the root), itself or above the process's. What is
  // kept has ids too, but only paths tell what is below what.
  std::optional<std::string> cgroup = {};
  bool attempts = false;  // also those that became no connection

  [[nodiscard]] bool wants(const Closure& closure, const ProcessDetails& process) const;
  // What of it can be asked of a process alone.
  [[nodiscard]] bool wants_process(const Task& task, const ProcessDetails& process) const;
  // It would be wanted but for the cgroup, and which one it was in was not kept.
  [[nodiscard]] bool in_doubt(const Closure& closure, const ProcessDetails& process) const;

  // What of it the process has no part in.
  [[nodiscard]] bool wants_connection(const Closure& closure) const;

  friend bool operator==(const KeptFilter&, const KeptFilter&) = default;
};

// Whether the kernel side counted it as a failed attempt (is_unestablished() in bpf/emit.bpf.h):
// a connection whose start was seen is in neither state at its end.
bool is_attempt(const Closure& closure);

}  // namespace closewatch
