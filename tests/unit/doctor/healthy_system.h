// SPDX-License-Identifier: Apache-2.0
// A system on which nothing stands in closewatch's way; each test spoils one thing.
#pragma once

#include <limits>

#include "userspace/doctor/system_facts.h"

namespace closewatch {

inline CapabilitySet capabilities(std::initializer_list<Capability> held) {
  CapabilitySet set;
  for (const Capability capability : held) {
    set.bits |= std::uint64_t{1} << static_cast<unsigned>(capability);
  }
  return set;
}

inline SystemFacts healthy_system() {
  SystemFacts facts;
  facts.release = "6.18.15-amd64";
  facts.architecture = "x86_64";
  facts.executable = "/usr/sbin/closewatch";
  facts.btf = true;
  facts.direct_calls = true;
  facts.effective = CapabilitySet{0x1ffffffffff};
  facts.bounding = CapabilitySet{0x1ffffffffff};
  facts.host_user_namespace = true;
  facts.host_pid_namespace = true;
  facts.netns = 4026531840;
  facts.seccomp = false;
  facts.hides_processes = false;
  facts.memory_lock = std::numeric_limits<std::uint64_t>::max();
  facts.lockdown = Lockdown::none;
  facts.cgroup_mount = CgroupMount{.path = "/sys/fs/cgroup", .whole = true};
  facts.unprivileged_bpf = 2;
  facts.perf_paranoia = 3;
  facts.statistics = 1;
  facts.ftrace = 1;
  facts.jit = 1;
  return facts;
}

}  // namespace closewatch
