// SPDX-License-Identifier: Apache-2.0
// From the id of a cgroup to its path. The id is the inode number of the cgroup's directory
// (cgroup_id() in include/linux/cgroup.h, 5.10 to 7.2, on 64-bit), so a path that is found is
// always checked against it. Asked first is /proc/<pid>/cgroup of a process that should be in it,
// which costs one file; only then the tree is walked, and the walks together take at most a
// twentieth of the time. Ids are not used again while the host runs, so answers stay true.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "userspace/enrich/cgroup_mount.h"
#include "userspace/enrich/host_files.h"
#include "userspace/enrich/lru_cache.h"

namespace closewatch {

class CgroupPaths {
 public:
  // CLOCK_BOOTTIME in ns.
  using Clock = std::uint64_t (*)();

  // `most`: cgroups that are remembered, and that one walk visits.
  CgroupPaths(HostFiles files, Clock now, std::size_t most = 8192);

  struct Answer {
    std::optional<std::string> path = {};  // below the mount, "/" for its top
    // Not known yet, and worth another question from then on; 0: the answer is final.
    std::uint64_t again_ns = 0;
  };
  // `pid`: a process that may be in it; 0 none.
  Answer find(std::uint64_t id, std::uint32_t pid);

  static constexpr std::uint64_t kWalkIntervalNs = 1'000'000'000;

 private:
  std::optional<std::string> path_of_process(std::uint64_t id, std::uint32_t pid) const;
  bool walk();

  HostFiles files_;
  Clock now_;
  std::size_t most_;
  std::optional<CgroupMount> mount_;
  LruCache<std::uint64_t, std::optional<std::string>> paths_;
  std::uint64_t next_walk_ns_ = 0;
};

}  // namespace closewatch
