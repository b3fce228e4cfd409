// SPDX-License-Identifier: Apache-2.0
#include "userspace/doctor/system_facts.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <limits>

#include "tests/unit/enrich/fake_host.h"

namespace closewatch {
namespace {

TEST(SystemFacts, AreReadFromTheHostsFiles) {
  const FakeHost host;
  host.mount_cgroup2("/sys/fs/cgroup");
  host.write("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
  host.link("/proc/self/exe", "/usr/sbin/closewatch");
  host.write("/sys/kernel/btf/vmlinux", "x");
  host.write("/proc/kallsyms",
             "0000000000000000 T ftrace_location\n"
             "0000000000000000 T register_ftrace_direct\n");
  host.write("/proc/self/status",
             "Name:\tclosewatch\nCapInh:\t0000000000000000\nCapPrm:\t000000c000000000\n"
             "CapEff:\t000000c000000000\nCapBnd:\t000001ffffffffff\n"
             "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n");
  host.write("/proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max locked memory         65536                8388608              bytes     \n");
  host.write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  host.write("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n");
  host.write("/proc/sys/kernel/perf_event_paranoid", "-1\n");
  host.write("/proc/sys/kernel/bpf_stats_enabled", "0\n");
  host.write("/proc/sys/kernel/ftrace_enabled", "0\n");
  host.write("/proc/sys/net/core/bpf_jit_enable", "1\n");

  const SystemFacts facts = read_system_facts(host.files());
  EXPECT_EQ(facts.release, "6.1.0-56-amd64");
  EXPECT_EQ(facts.executable, "/usr/sbin/closewatch");
  EXPECT_TRUE(facts.btf);
  EXPECT_EQ(facts.direct_calls, true);
  ASSERT_TRUE(facts.effective && facts.bounding);
  EXPECT_TRUE(facts.effective->has(Capability::bpf));
  EXPECT_TRUE(facts.effective->has(Capability::perfmon));
  EXPECT_FALSE(facts.effective->has(Capability::sys_admin));
  EXPECT_FALSE(facts.effective->has(Capability::sys_ptrace));
  EXPECT_TRUE(facts.bounding->has(Capability::sys_resource));
  EXPECT_EQ(facts.host_user_namespace, true);
  EXPECT_EQ(facts.host_pid_namespace, true);
  EXPECT_EQ(facts.seccomp, true);
  EXPECT_EQ(facts.hides_processes, false);
  EXPECT_EQ(facts.memory_lock, 8388608U);
  EXPECT_EQ(facts.lockdown, Lockdown::integrity);
  ASSERT_TRUE(facts.cgroup_mount);
  EXPECT_EQ(facts.cgroup_mount->path, "/sys/fs/cgroup");
  EXPECT_EQ(facts.unprivileged_bpf, 2);
  EXPECT_EQ(facts.perf_paranoia, -1);
  EXPECT_EQ(facts.statistics, 0);
  EXPECT_EQ(facts.ftrace, 0);
  EXPECT_EQ(facts.jit, 1);
}

TEST(SystemFacts, ThatCannotBeReadAreUnknown) {
  const FakeHost host;
  host.remove("/proc");
  const SystemFacts facts = read_system_facts(host.files());
  EXPECT_EQ(facts.release, "");
  EXPECT_EQ(facts.executable, "closewatch");
  EXPECT_FALSE(facts.btf);
  EXPECT_FALSE(facts.direct_calls);
  EXPECT_FALSE(facts.effective);
  EXPECT_FALSE(facts.bounding);
  EXPECT_FALSE(facts.host_user_namespace);
  EXPECT_FALSE(facts.host_pid_namespace);
  EXPECT_FALSE(facts.seccomp);
  EXPECT_FALSE(facts.hides_processes);
  EXPECT_FALSE(facts.memory_lock);
  EXPECT_FALSE(facts.lockdown);
  EXPECT_FALSE(facts.cgroup_mount);
  EXPECT_FALSE(facts.unprivileged_bpf);
  EXPECT_FALSE(facts.perf_paranoia);
  EXPECT_FALSE(facts.statistics);
  EXPECT_FALSE(facts.ftrace);
  EXPECT_FALSE(facts.jit);
}

TEST(SystemFacts, ThatMakeNoSenseAreUnknown) {
  const FakeHost host;
  host.write("/proc/self/status", "CapEff:\tzz\nSeccompX:\t2\n");
  host.write("/proc/self/limits", "Max locked memory\n");
  host.write("/sys/kernel/security/lockdown", "none integrity\n");
  host.write("/proc/sys/kernel/perf_event_paranoid", "3x\n");
  const SystemFacts facts = read_system_facts(host.files());
  EXPECT_FALSE(facts.effective);
  EXPECT_FALSE(facts.seccomp);
  EXPECT_FALSE(facts.memory_lock);
  EXPECT_FALSE(facts.lockdown);
  EXPECT_FALSE(facts.perf_paranoia);
}

TEST(SystemFacts, LimitsMayBeUnlimited) {
  const FakeHost host;
  host.write("/proc/self/limits",
             "Max locked memory         unlimited            unlimited            bytes     \n");
  EXPECT_EQ(read_system_facts(host.files()).memory_lock, std::numeric_limits<std::uint64_t>::max());
}

TEST(SystemFacts, EachLockdownModeIsTold) {
  const FakeHost host;
  host.write("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
  EXPECT_EQ(read_system_facts(host.files()).lockdown, Lockdown::none);
  host.write("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
  EXPECT_EQ(read_system_facts(host.files()).lockdown, Lockdown::confidentiality);
}

TEST(SystemFacts, NamespacesOfItsOwnAreTold) {
  const FakeHost host;
  host.link("/proc/self/ns/pid", "pid:[4026532201]");
  host.link("/proc/self/ns/user", "user:[4026532202]");
  const SystemFacts facts = read_system_facts(host.files());
  EXPECT_EQ(facts.host_pid_namespace, false);
  EXPECT_EQ(facts.host_user_namespace, false);
}

TEST(SystemFacts, TheOwnNetworkIsTold) {
  const FakeHost host;
  EXPECT_EQ(read_system_facts(host.files()).netns, std::nullopt);
  host.link("/proc/self/ns/net", "net:[4026532203]");
  EXPECT_EQ(read_system_facts(host.files()).netns, 4026532203U);
}

TEST(SystemFacts, AKernelWithoutDirectCallsIsTold) {
  const FakeHost host;
  host.write("/proc/kallsyms", "0000000000000000 T ftrace_location\n");
  EXPECT_EQ(read_system_facts(host.files()).direct_calls, false);
}

TEST(SystemFacts, TheLastMountOfProcIsTheOneThatIsSeen) {
  const FakeHost host;
  const std::string plain = "24 1 0:22 / /proc rw shared:13 - proc proc rw\n";
  const struct {
    std::string mounts;
    bool hides;
  } cases[]{
      {plain, false},
      {plain + "90 1 0:55 / /proc rw - proc proc rw,hidepid=invisible\n", true},
      {"90 1 0:55 / /proc rw - proc proc rw,hidepid=2,gid=4\n" + plain, false},
      {"90 1 0:55 / /proc rw - proc proc rw,hidepid=1\n", true},
      {"90 1 0:55 / /proc rw - proc proc rw,hidepid=0\n", false},
      {"90 1 0:55 / /proc rw - proc proc rw,hidepid=off\n", false},
  };
  for (const auto& row : cases) {
    host.write("/proc/self/mountinfo", row.mounts);
    EXPECT_EQ(read_system_facts(host.files()).hides_processes, row.hides) << row.mounts;
  }
}

TEST(SystemFacts, OfThisSystem) {
  utsname names{};
  ASSERT_EQ(::uname(&names), 0);
  const SystemFacts facts = read_system_facts();
  EXPECT_EQ(facts.release, names.release);
  EXPECT_EQ(facts.architecture, names.machine);
  EXPECT_TRUE(facts.effective);
  EXPECT_TRUE(facts.memory_lock);
}

}  // namespace
}  // namespace closewatch
