// SPDX-License-Identifier: Apache-2.0
// What the system around closewatch is like, as far as it decides whether and how BPF programs run:
// read from /proc and /sys, which needs no privilege. A fact that cannot be read is nullopt; none
// is guessed from another. Tests fill it by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/enrich/cgroup_mount.h"
#include "userspace/enrich/host_files.h"

namespace closewatch {

// Numbers of include/uapi/linux/capability.h.
enum class Capability : std::uint8_t {
  sys_ptrace = 19,
  sys_admin = 21,
  sys_resource = 24,
  perfmon = 38,
  bpf = 39,
};

// A set of capabilities as /proc/<pid>/status writes it: one bit each.
struct CapabilitySet {
  std::uint64_t bits = 0;

  [[nodiscard]] bool has(Capability capability) const {
    return ((bits >> static_cast<unsigned>(capability)) & 1) != 0;
  }
};

enum class Lockdown : std::uint8_t { none, integrity, confidentiality };
std::string_view name_of(Lockdown mode);

struct SystemFacts {
  std::string release;       // of the kernel
  std::string architecture;  // as uname -m
  std::string executable;    // path of this program
  bool btf = false;          // /sys/kernel/btf/vmlinux
  // The kernel has the functions by which fentry programs are attached (/proc/kallsyms).
  std::optional<bool> direct_calls;
  std::optional<int> ftrace;  // kernel.ftrace_enabled: 0 keeps what is attached from running

  std::optional<CapabilitySet> effective;
  std::optional<CapabilitySet> bounding;     // what this process could ever get
  std::optional<bool> host_user_namespace;   // only there do capabilities count for BPF
  std::optional<bool> host_pid_namespace;    // only there are the recorded pids those of /proc
  std::optional<std::uint32_t> netns;        // inode number of the own network namespace
  std::optional<bool> seccomp;               // a filter on system calls is on
  std::optional<bool> hides_processes;       // /proc is mounted with hidepid
  std::optional<std::uint64_t> memory_lock;  // RLIMIT_MEMLOCK, hard, bytes; UINT64_MAX: no limit
  std::optional<Lockdown> lockdown;          // nullopt also where securityfs is not mounted
  std::optional<CgroupMount> cgroup_mount;   // nullopt: cgroup v2 is not mounted
  std::optional<int> unprivileged_bpf;       // kernel.unprivileged_bpf_disabled
  std::optional<int> perf_paranoia;          // kernel.perf_event_paranoid
  std::optional<int> statistics;             // kernel.bpf_stats_enabled
  std::optional<int> jit;                    // net.core.bpf_jit_enable; root alone may read it
};

SystemFacts read_system_facts(const HostFiles& files = HostFiles());

}  // namespace closewatch
