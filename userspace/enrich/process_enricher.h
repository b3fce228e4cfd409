// SPDX-License-Identifier: Apache-2.0
// Details of processes from the running host: /proc and the cgroup file system. Called for every
// closure, so a process is looked up once and then remembered, also when nothing could be told of
// it; the last 4096 are kept. Everything read is checked against what the kernel recorded: a name
// is never lent from a process that got the pid later. To be used by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "userspace/base/clock.h"
#include "userspace/enrich/cgroup_paths.h"
#include "userspace/enrich/enricher.h"
#include "userspace/enrich/host_files.h"
#include "userspace/enrich/lru_cache.h"

namespace closewatch {

class ProcessEnricher final : public Enricher {
 public:
  explicit ProcessEnricher(std::int64_t boot_to_unix_ns, HostFiles files = HostFiles(),
                           CgroupPaths::Clock now = boot_now_ns);

  // The wall clock was set: starts of processes that are looked up from now on are told by it.
  void set_clock(std::int64_t boot_to_unix_ns) { boot_to_unix_ns_ = boot_to_unix_ns; }

  // exe: /proc/<pid>/exe of the process whose start (field 22 of /proc/<pid>/stat) is the task's.
  // Without a start (5.10): of the process that has a thread `tid` called `comm`, believed for one
  // second only. Unknown for a process that is gone, for a kernel thread, without leave to read the
  // link (CAP_SYS_PTRACE, for those of others), and where /proc shows another pid namespace.
  const ProcessDetails& details(const Task& task) override;

  static constexpr std::size_t kMostProcesses = 4096;
  static constexpr std::uint64_t kBelievedNs = 1'000'000'000;

 private:
  // The name tells images apart that one process ran in turn, the cgroup where it was moved to.
  struct Key {
    std::uint64_t start_ns = 0;
    std::uint64_t cgroup_id = 0;
    std::array<char, 16> comm{};
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;  // 0 where the start names the process

    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Entry {
    ProcessDetails details;
    std::uint64_t again_ns = 0;  // when to look again; 0 never
  };

  std::optional<std::string> executable(const Task& task) const;

  std::int64_t boot_to_unix_ns_;
  HostFiles files_;
  CgroupPaths::Clock now_;
  bool pids_are_the_kernels_;
  CgroupPaths cgroups_;
  LruCache<Key, Entry, KeyHash> processes_{kMostProcesses};
};

}  // namespace closewatch
