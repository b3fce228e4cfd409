// SPDX-License-Identifier: Apache-2.0
// What a user names in a filter (a process, a user, a cgroup, a network namespace), as the kernel
// knows it. Asked once at the start. Errors are ExitCode::usage and say what is there instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/enrich/host_files.h"

namespace closewatch {

struct CgroupTarget {
  std::uint64_t id = 0;     // inode number of its directory
  std::uint32_t level = 0;  // depth below the root, which is 0

  friend bool operator==(const CgroupTarget&, const CgroupTarget&) = default;
};

// `path`: below the cgroup v2 mount, with or without the mount point in front.
Result<CgroupTarget> resolve_cgroup(std::string_view path, const HostFiles& files = HostFiles());

// The inode number of a network namespace: "inode:N", which one may have or have had, or a path
// such as /proc/<pid>/ns/net or /run/netns/<name>.
Result<std::uint32_t> resolve_netns(const std::string& netns);

// Where a network namespace can be entered: a process or thread that is in it, or a place where it
// is mounted (ip netns). nullopt: none in sight, which is no proof: sockets alone keep one alive.
std::optional<std::string> find_netns(std::uint32_t inode, const HostFiles& files = HostFiles());

// Errors: no such process, only a thread of that number, or not the pids that the kernel records.
Result<> check_pid(std::uint32_t pid, const HostFiles& files = HostFiles());

// A name of the user database, or a number, which need not be in it.
Result<std::uint32_t> resolve_uid(const std::string& user);

}  // namespace closewatch
