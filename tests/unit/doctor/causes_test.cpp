// SPDX-License-Identifier: Apache-2.0
#include "userspace/doctor/causes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/unit/doctor/healthy_system.h"
#include "tests/unit/kernel/fake_kernels.h"

namespace closewatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> names(const std::vector<Cause>& causes) {
  std::vector<std::string> out;
  for (const Cause& cause : causes) {
    out.emplace_back(cause.name);
  }
  return out;
}

// The only cause there is.
Cause only(const std::vector<Cause>& causes, std::string_view name, Weight weight) {
  EXPECT_THAT(names(causes), ElementsAre(name));
  if (causes.size() != 1) {
    return {};
  }
  EXPECT_EQ(causes.front().weight, weight);
  return causes.front();
}

class CausesTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<Cause> stopping() const {
    return find_causes(facts_, &features_, true);
  }
  [[nodiscard]] std::vector<Cause> running() const {
    return find_causes(facts_, &features_, false);
  }

  SystemFacts facts_ = healthy_system();
  Features features_ = kernel_6_18();
};

TEST_F(CausesTest, AHealthySystemHasNone) {
  EXPECT_THAT(running(), IsEmpty());
  EXPECT_THAT(stopping(), IsEmpty());
  EXPECT_THAT(find_causes(facts_, nullptr, true), IsEmpty());
}

TEST_F(CausesTest, NoBtf) {
  facts_.btf = false;
  const Cause cause = only(find_causes(facts_, nullptr, true), "no_btf", Weight::stops);
  EXPECT_THAT(cause.mend, HasSubstr("CONFIG_DEBUG_INFO_BTF=y"));
}

TEST_F(CausesTest, BothCapabilitiesMissing) {
  facts_.effective = capabilities({Capability::sys_ptrace});
  const Cause cause = only(stopping(), "missing_capabilities", Weight::stops);
  EXPECT_EQ(cause.what, "this process has not CAP_BPF and CAP_PERFMON");
  EXPECT_THAT(cause.mend, HasSubstr("setcap cap_bpf,cap_perfmon+ep /usr/sbin/closewatch"));
  EXPECT_THAT(cause.mend, HasSubstr("AmbientCapabilities=CAP_BPF CAP_PERFMON"));
}

TEST_F(CausesTest, OneCapabilityMissing) {
  facts_.effective = capabilities({Capability::bpf, Capability::sys_ptrace});
  EXPECT_EQ(only(stopping(), "missing_capabilities", Weight::stops).what,
            "this process has not CAP_PERFMON");
  facts_.effective = capabilities({Capability::perfmon, Capability::sys_ptrace});
  EXPECT_EQ(only(stopping(), "missing_capabilities", Weight::stops).what,
            "this process has not CAP_BPF");
}

TEST_F(CausesTest, SysAdminStandsForBoth) {
  facts_.effective = capabilities({Capability::sys_admin, Capability::sys_ptrace});
  EXPECT_THAT(stopping(), IsEmpty());
}

TEST_F(CausesTest, CapabilitiesOutsideOfTheBoundingSet) {
  facts_.effective = capabilities({Capability::sys_ptrace});
  facts_.bounding = capabilities({Capability::sys_ptrace, Capability::bpf});
  const Cause cause = only(stopping(), "missing_capabilities", Weight::stops);
  EXPECT_THAT(cause.what, HasSubstr("being root does not help"));
  EXPECT_THAT(cause.mend, HasSubstr("--cap-add=BPF --cap-add=PERFMON"));
  EXPECT_THAT(cause.mend, HasSubstr("CapabilityBoundingSet=CAP_BPF CAP_PERFMON"));
  EXPECT_THAT(cause.mend, Not(HasSubstr("run as root")));
}

TEST_F(CausesTest, AUserNamespace) {
  facts_.host_user_namespace = false;
  const Cause cause = only(stopping(), "user_namespace", Weight::stops);
  EXPECT_THAT(cause.mend, HasSubstr("PrivateUsers="));
  EXPECT_THAT(cause.mend, HasSubstr("--userns=host"));
}

TEST_F(CausesTest, TheMemoryLockLimitOf5_10) {
  features_ = kernel_5_10();
  facts_.memory_lock = 65536;
  facts_.effective = capabilities({Capability::bpf, Capability::perfmon, Capability::sys_ptrace});
  const Cause cause = only(stopping(), "memory_lock", Weight::stops);
  EXPECT_THAT(cause.what, HasSubstr("64 KiB"));
  EXPECT_THAT(cause.mend, HasSubstr("ulimit -l unlimited"));
  EXPECT_THAT(cause.mend, HasSubstr("LimitMEMLOCK=infinity"));
}

TEST_F(CausesTest, TheMemoryLockLimitDoesNotCountOtherwise) {
  const std::vector<std::string> old{"no_current_task"};
  features_ = kernel_5_10();
  EXPECT_EQ(names(stopping()), old);  // no limit
  facts_.memory_lock = 65536;
  EXPECT_EQ(names(stopping()), old);  // CAP_SYS_RESOURCE raises it
  features_ = kernel_6_1();
  facts_.effective = capabilities({Capability::bpf, Capability::perfmon, Capability::sys_ptrace});
  EXPECT_THAT(stopping(), IsEmpty());  // charged to the memory cgroup since 5.11
}

TEST_F(CausesTest, ASeccompFilterIsSuspectedWhenNothingElseIs) {
  facts_.seccomp = true;
  const Cause cause = only(stopping(), "seccomp", Weight::stops);
  EXPECT_THAT(cause.mend, HasSubstr("SystemCallFilter=bpf"));
  facts_.host_user_namespace = false;
  EXPECT_THAT(names(stopping()), ElementsAre("user_namespace"));
}

TEST_F(CausesTest, WhatWouldStopIsNoCauseWhileItRuns) {
  facts_.seccomp = true;
  facts_.host_user_namespace = false;
  facts_.effective = capabilities({Capability::sys_ptrace});
  EXPECT_THAT(running(), IsEmpty());
}

TEST_F(CausesTest, FentryRefusedByTheKernelItself) {
  features_ = kernel_without_fentry();
  const Cause cause = only(running(), "fentry_refused", Weight::degrades);
  EXPECT_THAT(cause.what, HasSubstr("load refused: Operation not permitted"));
  EXPECT_THAT(cause.what, HasSubstr("every class, reason and byte count is right"));
  EXPECT_THAT(cause.mend, HasSubstr("the kernel or a security module refuses it"));
}

TEST_F(CausesTest, FentryMissingFromTheBuild) {
  features_ = kernel_without_fentry();
  facts_.direct_calls = false;
  EXPECT_THAT(only(running(), "fentry_refused", Weight::degrades).mend,
              HasSubstr("CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y"));
}

TEST_F(CausesTest, FentryThatIsKeptFromRunning) {
  features_ = kernel_without_fentry();
  features_.fentry_refused = "attached, but never run";
  facts_.ftrace = 0;
  const Cause cause = only(running(), "fentry_refused", Weight::degrades);
  EXPECT_THAT(cause.what, HasSubstr("attached, but never run"));
  EXPECT_THAT(cause.mend, HasSubstr("sysctl kernel.ftrace_enabled=1"));
}

TEST_F(CausesTest, FentryIsNotBlamedForMissingPrivileges) {
  features_ = kernel_without_fentry();
  facts_.effective = capabilities({Capability::sys_ptrace});
  EXPECT_THAT(names(stopping()), ElementsAre("missing_capabilities"));
}

TEST_F(CausesTest, AnOldKernel) {
  features_ = kernel_5_10();
  const auto causes = running();
  ASSERT_THAT(names(causes), ElementsAre("no_current_task"));
  EXPECT_EQ(causes[0].weight, Weight::degrades);
  EXPECT_EQ(causes[0].mend, "Linux 5.11 or later");
}

TEST_F(CausesTest, NoJit) {
  facts_.jit = 0;
  EXPECT_EQ(only(running(), "jit_off", Weight::degrades).mend, "sysctl net.core.bpf_jit_enable=1");
  facts_.jit = std::nullopt;
  EXPECT_THAT(running(), IsEmpty());
}

TEST_F(CausesTest, AnotherPidNamespace) {
  facts_.host_pid_namespace = false;
  EXPECT_THAT(only(running(), "foreign_pid_namespace", Weight::degrades).mend,
              HasSubstr("hostPID: true"));
}

TEST_F(CausesTest, HiddenProcesses) {
  facts_.hides_processes = true;
  EXPECT_THAT(running(), IsEmpty());  // CAP_SYS_PTRACE sees them all the same
  facts_.effective = capabilities({Capability::bpf, Capability::perfmon});
  EXPECT_THAT(only(running(), "hidden_processes", Weight::degrades).mend,
              HasSubstr("ProtectProc=default"));
}

TEST_F(CausesTest, ExecutablesOfOthers) {
  facts_.effective = capabilities({Capability::bpf, Capability::perfmon});
  EXPECT_THAT(only(running(), "no_ptrace", Weight::degrades).mend, HasSubstr("CAP_SYS_PTRACE"));
}

TEST_F(CausesTest, NoCgroupMount) {
  facts_.cgroup_mount.reset();
  EXPECT_THAT(only(running(), "no_cgroup_mount", Weight::degrades).mend,
              HasSubstr("mount -t cgroup2"));
}

TEST_F(CausesTest, APartOfTheCgroups) {
  facts_.cgroup_mount->whole = false;
  const Cause cause = only(running(), "part_of_cgroups", Weight::degrades);
  EXPECT_THAT(cause.what, HasSubstr("/sys/fs/cgroup shows a part"));
  EXPECT_THAT(cause.mend, HasSubstr("--cgroupns=host"));
}

TEST_F(CausesTest, ConfidentialityIsFine) {
  facts_.lockdown = Lockdown::confidentiality;
  const Cause cause = only(running(), "lockdown_confidentiality", Weight::note);
  EXPECT_THAT(cause.what, HasSubstr("takes nothing away"));
  EXPECT_EQ(cause.mend, "");
  facts_.lockdown = Lockdown::integrity;
  EXPECT_THAT(running(), IsEmpty());
}

TEST_F(CausesTest, StatisticsAreOff) {
  facts_.statistics = 0;
  EXPECT_THAT(only(running(), "statistics_off", Weight::note).mend,
              HasSubstr("sysctl kernel.bpf_stats_enabled=1"));
}

TEST_F(CausesTest, UnknownFactsAccuseNobody) {
  facts_ = SystemFacts{};
  facts_.btf = true;
  facts_.cgroup_mount = CgroupMount{.path = "/sys/fs/cgroup"};
  EXPECT_THAT(stopping(), IsEmpty());
  EXPECT_THAT(running(), IsEmpty());
}

class TrueCauseTest : public CausesTest {
 protected:
  [[nodiscard]] Error improved(HookMode mode = HookMode::automatic) const {
    return with_true_cause(error_, facts_, &features_, mode);
  }
  Error error_{.what = "cannot load the BPF programs: Operation not permitted",
               .hint = "as first guessed",
               .code = ExitCode::unsupported};
};

TEST_F(TrueCauseTest, IsTheFirstThatStops) {
  facts_.effective = capabilities({});
  facts_.seccomp = true;
  const Error error = improved();
  EXPECT_EQ(error.what, "cannot load the BPF programs: Operation not permitted");
  EXPECT_EQ(error.code, ExitCode::unsupported);
  EXPECT_THAT(error.hint, HasSubstr("this process has not CAP_BPF and CAP_PERFMON: run as root"));
}

TEST_F(TrueCauseTest, OfFullForcedWhereFentryIsRefusedIsNoPrivilege) {
  features_ = kernel_without_fentry();
  const Error error = improved(HookMode::full);
  EXPECT_THAT(error.hint, HasSubstr("the kernel or a security module refuses fentry"));
  EXPECT_THAT(error.hint, HasSubstr("leave --hooks full out"));
}

TEST_F(TrueCauseTest, OfFullForcedWhereFentryDoesNotRunIsTheSetting) {
  features_ = kernel_without_fentry();
  facts_.ftrace = 0;
  const Error error = improved(HookMode::full);
  EXPECT_THAT(error.hint, HasSubstr("sysctl kernel.ftrace_enabled=1"));
  EXPECT_THAT(error.hint, HasSubstr("or leave --hooks full out"));
}

TEST_F(TrueCauseTest, OfARefusalDespiteThePrivilegesIsTheKernel) {
  EXPECT_THAT(improved().hint, HasSubstr("the kernel or a security module refuses; -v"));
}

TEST_F(TrueCauseTest, OfAMissingTracepointStaysAsThePlanSaidIt) {
  features_.tracepoints.erase("tcp_send_reset");
  EXPECT_EQ(improved().hint, "as first guessed");
}

TEST_F(TrueCauseTest, OfNoBtfNeedsNoFeatures) {
  facts_.btf = false;
  EXPECT_THAT(with_true_cause(error_, facts_, nullptr, HookMode::automatic).hint,
              HasSubstr("CONFIG_DEBUG_INFO_BTF=y"));
}

TEST_F(TrueCauseTest, IsNotGuessedFromUnknownFacts) {
  facts_.effective.reset();
  EXPECT_EQ(improved().hint, "as first guessed");
  EXPECT_EQ(with_true_cause(error_, facts_, nullptr, HookMode::automatic).hint, "as first guessed");
}

TEST_F(TrueCauseTest, OfOtherErrorsIsTheirOwn) {
  facts_.effective = capabilities({});
  error_.code = ExitCode::failure;
  EXPECT_EQ(improved().hint, "as first guessed");
}

}  // namespace
}  // namespace closewatch
