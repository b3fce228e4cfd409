// SPDX-License-Identifier: Apache-2.0
#include "userspace/doctor/causes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace closewatch {
namespace {

struct Privilege {
  Capability capability;
  std::string_view name;  // without CAP_
};
constexpr std::array kNeeded{Privilege{Capability::bpf, "BPF"},
                             Privilege{Capability::perfmon, "PERFMON"}};

// CAP_SYS_ADMIN stands for both (bpf_capable(), perfmon_capable() in include/linux/capability.h).
bool has(const CapabilitySet& set, Capability capability) {
  return set.has(capability) || set.has(Capability::sys_admin);
}

bool has_needed(const CapabilitySet& set) {
  return std::all_of(kNeeded.begin(), kNeeded.end(),
                     [&](const Privilege& needed) { return has(set, needed.capability); });
}

std::optional<Cause> missing_capabilities(const SystemFacts& facts) {
  if (!facts.effective || has_needed(*facts.effective)) {
    return std::nullopt;
  }
  std::string missing;
  for (const Privilege& needed : kNeeded) {
    if (!has(*facts.effective, needed.capability)) {
      missing.append(missing.empty() ? "CAP_" : " and CAP_").append(needed.name);
    }
  }
  Cause cause{.name = "missing_capabilities",
              .weight = Weight::stops,
              .what = "this process has not " + missing,
              .mend = "run as root; or setcap cap_bpf,cap_perfmon+ep " + facts.executable +
                      "; or in a systemd unit AmbientCapabilities=CAP_BPF CAP_PERFMON"};
  if (facts.bounding && !has_needed(*facts.bounding)) {
    cause.what += ", and they are outside of its bounding set: being root does not help";
    cause.mend =
        "containers: --cap-add=BPF --cap-add=PERFMON; systemd: "
        "CapabilityBoundingSet=CAP_BPF CAP_PERFMON";
  }
  return cause;
}

// Before 5.11 BPF maps count against RLIMIT_MEMLOCK; reading the current task came with the change.
std::optional<Cause> memory_lock(const SystemFacts& facts, const Features* features) {
  const bool counts = features != nullptr && !features->current_task;
  const bool unlimited =
      !facts.memory_lock || *facts.memory_lock == std::numeric_limits<std::uint64_t>::max();
  if (!counts || unlimited || !facts.effective || facts.effective->has(Capability::sys_resource)) {
    return std::nullopt;
  }
  return Cause{.name = "memory_lock",
               .weight = Weight::stops,
               .what = "this kernel counts BPF maps against the limit on locked memory, which is " +
                       std::to_string(*facts.memory_lock / 1024) + " KiB here",
               .mend =
                   "ulimit -l unlimited; or in a systemd unit LimitMEMLOCK=infinity; or add "
                   "CAP_SYS_RESOURCE"};
}

std::vector<Cause> obstacles(const SystemFacts& facts, const Features* features) {
  std::vector<Cause> found;
  if (!facts.btf) {
    found.push_back({.name = "no_btf",
                     .weight = Weight::stops,
                     .what = "the kernel shows no type information (/sys/kernel/btf/vmlinux)",
                     .mend = "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (Debian's are since "
                             "5.10); in a container, mount the host's /sys"});
  }
  if (facts.host_user_namespace == false) {
    found.push_back({.name = "user_namespace",
                     .weight = Weight::stops,
                     .what = "this process is in a user namespace, where capabilities do not count "
                             "for BPF",
                     .mend = "run it in the host's: systemd: no PrivateUsers=; containers: "
                             "--userns=host, and not rootless"});
  }
  if (auto cause = missing_capabilities(facts)) {
    found.push_back(*std::move(cause));
  }
  if (auto cause = memory_lock(facts, features)) {
    found.push_back(*std::move(cause));
  }
  if (found.empty() && facts.seccomp == true) {
    found.push_back({.name = "seccomp",
                     .weight = Weight::stops,
                     .what = "a filter on system calls is on, and may refuse bpf(2)",
                     .mend = "systemd: SystemCallFilter=bpf perf_event_open besides "
                             "@system-service; containers: a seccomp profile that allows bpf"});
  }
  return found;
}

std::string fentry_mend(const SystemFacts& facts) {
  if (facts.ftrace == 0) {
    return "sysctl kernel.ftrace_enabled=1: what is attached does not run without it";
  }
  return facts.direct_calls == false
             ? "a kernel built with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y (on arm64 Linux 6.4 "
               "or later)"
             : "no setting that is known: the privileges suffice, so the kernel or a security "
               "module refuses it";
}

void add_kernel_limits(std::vector<Cause>& found, const SystemFacts& facts,
                       const Features& features) {
  if (!features.fentry_refused.empty()) {
    found.push_back(
        {.name = "fentry_refused",
         .weight = Weight::degrades,
         .what = "fentry is refused (" + features.fentry_refused +
                 "), so the base hooks run alone; every class, reason and byte count is right "
                 "all the same",
         .mend = fentry_mend(facts)});
  }
  if (!features.current_task) {
    found.push_back({.name = "no_current_task",
                     .weight = Weight::degrades,
                     .what = "this kernel does not let BPF read the current task: starts of "
                             "processes, and closes by exec and io_uring, are not told",
                     .mend = "Linux 5.11 or later"});
  }
  if (facts.jit == 0) {
    found.push_back({.name = "jit_off",
                     .weight = Weight::degrades,
                     .what = "BPF programs are interpreted: each event costs several times more",
                     .mend = "sysctl net.core.bpf_jit_enable=1"});
  }
}

void add_hidden_names(std::vector<Cause>& found, const SystemFacts& facts) {
  const bool may_read = facts.effective && facts.effective->has(Capability::sys_ptrace);
  if (facts.host_pid_namespace == false) {
    found.push_back({.name = "foreign_pid_namespace",
                     .weight = Weight::degrades,
                     .what = "/proc does not show the host's processes: executables are not known, "
                             "and -p cannot be used",
                     .mend = "run in the host's pid namespace (containers: --pid=host, Kubernetes: "
                             "hostPID: true)"});
  } else if (facts.hides_processes == true && !may_read) {
    found.push_back(
        {.name = "hidden_processes",
         .weight = Weight::degrades,
         .what = "/proc hides the processes of others: their executables are not known",
         .mend = "systemd: ProtectProc=default; else mount -o remount,hidepid=0 /proc"});
  } else if (facts.effective && !may_read) {
    found.push_back({.name = "no_ptrace",
                     .weight = Weight::degrades,
                     .what = "without CAP_SYS_PTRACE the executables of others' processes are not "
                             "known; name, uid, cgroup and container are",
                     .mend = "add CAP_SYS_PTRACE where executables matter"});
  }
  if (!facts.cgroup_mount) {
    found.push_back({.name = "no_cgroup_mount",
                     .weight = Weight::degrades,
                     .what = "cgroup v2 is not mounted: cgroups and containers are not known, and "
                             "--cgroup cannot be used",
                     .mend = "mount -t cgroup2 none /sys/fs/cgroup/unified; or boot with "
                             "systemd.unified_cgroup_hierarchy=1"});
  } else if (!facts.cgroup_mount->whole) {
    found.push_back({.name = "part_of_cgroups",
                     .weight = Weight::degrades,
                     .what = facts.cgroup_mount->path +
                             " shows a part of the cgroup tree: cgroups outside of it are not "
                             "known, and --cgroup cannot be used",
                     .mend = "run in the host's cgroup namespace (containers: --cgroupns=host)"});
  }
}

void add_notes(std::vector<Cause>& found, const SystemFacts& facts) {
  if (facts.lockdown == Lockdown::confidentiality) {
    found.push_back({.name = "lockdown_confidentiality",
                     .weight = Weight::note,
                     .what = "lockdown=confidentiality takes nothing away: closewatch reads kernel "
                             "memory by type only",
                     .mend = ""});
  }
  if (facts.statistics == 0) {
    found.push_back({.name = "statistics_off",
                     .weight = Weight::note,
                     .what = "the kernel does not measure the run time of BPF programs",
                     .mend = "sysctl kernel.bpf_stats_enabled=1 (costs a little on each run)"});
  }
}

}  // namespace

std::string_view name_of(Weight weight) {
  switch (weight) {
    case Weight::stops:
      return "stops";
    case Weight::degrades:
      return "degrades";
    case Weight::note:
      return "note";
  }
  return {};
}

std::vector<Cause> find_causes(const SystemFacts& facts, const Features* features, bool failed) {
  std::vector<Cause> found;
  if (failed) {
    found = obstacles(facts, features);
  }
  // While something stops every program, what the kernel refuses says nothing of the kernel.
  if (features != nullptr && found.empty()) {
    add_kernel_limits(found, facts, *features);
  }
  add_hidden_names(found, facts);
  add_notes(found, facts);
  return found;
}

Error with_true_cause(Error error, const SystemFacts& facts, const Features* features,
                      HookMode mode) {
  if (error.code != ExitCode::unsupported) {
    return error;
  }
  const std::vector<Cause> stopping = obstacles(facts, features);
  if (!stopping.empty()) {
    error.hint = stopping.front().what + ": " + stopping.front().mend;
  } else if (features != nullptr && facts.effective) {
    if (mode == HookMode::full && !features->fentry_refused.empty()) {
      error.hint = (facts.ftrace == 0 ? fentry_mend(facts) + "; or leave "
                                      : "the privileges suffice, so the kernel or a security "
                                        "module refuses fentry: leave ") +
                   "--hooks full out (every class, reason and byte count is right without it)";
    } else if (make_plan(*features, mode).ok()) {
      error.hint =
          "the privileges suffice, so the kernel or a security module refuses; -v shows its words";
    }
  }
  return error;
}

}  // namespace closewatch
