// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/attach_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/kernel/fake_kernels.h"

namespace closewatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

AttachPlan plan_of(const Features& features, HookMode mode = HookMode::automatic) {
  auto plan = make_plan(features, mode);
  EXPECT_TRUE(plan.ok()) << plan.error().what;
  return plan.ok() ? std::move(plan).take() : AttachPlan{};
}

const PlannedHook& hook_of(const AttachPlan& plan, std::string_view program) {
  const auto found =
      std::find_if(plan.hooks.begin(), plan.hooks.end(),
                   [&](const PlannedHook& planned) { return planned.hook->program == program; });
  EXPECT_NE(found, plan.hooks.end()) << program;
  return *found;
}

std::vector<std::string> not_chosen(const AttachPlan& plan) {
  std::vector<std::string> programs;
  for (const PlannedHook& planned : plan.hooks) {
    if (!planned.chosen) {
      programs.emplace_back(planned.hook->program);
    }
  }
  return programs;
}

std::vector<std::string> in_reserve(const AttachPlan& plan) {
  std::vector<std::string> programs;
  for (const PlannedHook& planned : plan.hooks) {
    if (planned.in_reserve) {
      programs.emplace_back(planned.hook->program);
    }
  }
  return programs;
}

// Of no use beside the full set, where the current task can be read, and where a program can walk
// over a map.
const std::vector<std::string> kIdleHooks{
    "tp_btf__signal_deliver",     "iter__bpf_map_elem",         "tp_btf__sched_process_exit",
    "tp_btf__sched_process_fork", "tp_btf__sched_process_exec", "iter__task"};
// Of no use where tracepoints are not preempted.
const std::vector<std::string> kIdleTurns{
    "tp_btf__inet_sock_set_state__last", "tp_btf__tcp_send_reset__last",
    "tp_btf__tcp_receive_reset__last", "tp_btf__tcp_destroy_sock__last"};

// Attached where and when they are needed.
const std::vector<std::string> kReserve{
    "tp_btf__inet_sock_set_state__again", "tp_btf__tcp_send_reset__again",
    "tp_btf__tcp_receive_reset__again", "tp_btf__tcp_destroy_sock__again"};

TEST(Hooks, EachIsNamedOnceAndSaysWhatIsLostWithoutIt) {
  std::set<std::string_view> programs;
  for (const Hook& hook : kHooks) {
    EXPECT_TRUE(programs.insert(hook.program).second) << hook.program;
    EXPECT_EQ(hook.required, hook.without.empty()) << hook.program;
    EXPECT_TRUE(!hook.required || hook.set == HookSet::base) << hook.program;
  }
  EXPECT_EQ(programs.size(), 34U);
}

// The kernel runs them in the order in which they are attached: that of the table.
TEST(Hooks, ThoseThatTellOfAnEndHaveThreeProgramsInTheirOrder) {
  for (const std::string target :
       {"inet_sock_set_state", "tcp_send_reset", "tcp_receive_reset", "tcp_destroy_sock"}) {
    std::vector<std::string_view> programs;
    std::vector<Turn> turns;
    for (const Hook& hook : kHooks) {
      if (hook.target == target) {
        programs.push_back(hook.program);
        turns.push_back(hook.turn);
      }
    }
    const std::string first = "tp_btf__" + target;
    EXPECT_THAT(programs, ElementsAre(first, first + "__again", first + "__last"));
    EXPECT_THAT(turns, ElementsAre(Turn::first, Turn::again, Turn::last));
  }
}

struct Kernel {
  const char* name;
  Features (*features)();
  PlanKnobs full;
};

constexpr std::string_view kTimewaitSegment = "fexit__tcp_timewait_state_process";

void PrintTo(const Kernel& kernel, std::ostream* out) { *out << kernel.name; }

class KernelTest : public testing::TestWithParam<Kernel> {};

TEST_P(KernelTest, KnobsFollowItsSignatures) {
  const AttachPlan full = plan_of(GetParam().features());
  EXPECT_EQ(full.set, HookSet::full);
  EXPECT_EQ(full.knobs, GetParam().full);

  PlanKnobs base_knobs = GetParam().full;
  base_knobs.full = false;
  // A timewait socket shows its cookie to tcp_send_reset: 6.10 and later.
  base_knobs.timewait_cookies = GetParam().full.send_reset_arguments == 3;
  const AttachPlan base = plan_of(GetParam().features(), HookMode::base);
  EXPECT_EQ(base.set, HookSet::base);
  EXPECT_EQ(base.knobs, base_knobs);
}

TEST_P(KernelTest, FullCanBeForced) {
  const AttachPlan forced = plan_of(GetParam().features(), HookMode::full);
  EXPECT_EQ(forced.set, HookSet::full);
  EXPECT_EQ(forced.knobs, GetParam().full);
}

TEST_P(KernelTest, ForcedBaseRunsNoHookOfTheFullSet) {
  const AttachPlan base = plan_of(GetParam().features(), HookMode::base);
  const bool traced = GetParam().full.send_reset_arguments == 3;  // 6.10 and later
  for (const PlannedHook& planned : base.hooks) {
    if (planned.hook->set == HookSet::full) {
      EXPECT_FALSE(planned.chosen) << planned.hook->program;
      EXPECT_EQ(planned.why_not, traced && planned.hook->program == kTimewaitSegment
                                     ? "not needed: tcp_send_reset tells it"
                                     : "base hooks were asked for")
          << planned.hook->program;
    }
  }
  EXPECT_EQ(base.degradations().size(), traced ? 12U : 13U);
}

INSTANTIATE_TEST_SUITE_P(Matrix, KernelTest,
                         testing::Values(Kernel{"v5_10",
                                                kernel_5_10,
                                                {.full = true,
                                                 .timewait_cookies = false,
                                                 .send_reset_arguments = 2,
                                                 .active_reset_reason = 0,
                                                 .accept_arguments = 4,
                                                 .timewait_process_arguments = 3}},
                                         Kernel{"v6_1",
                                                kernel_6_1,
                                                {.full = true,
                                                 .timewait_cookies = false,
                                                 .send_reset_arguments = 2,
                                                 .active_reset_reason = 0,
                                                 .accept_arguments = 4,
                                                 .timewait_process_arguments = 3}},
                                         Kernel{"v6_12",
                                                kernel_6_12,
                                                {.full = true,
                                                 .timewait_cookies = false,
                                                 .read_cast = true,
                                                 .send_reset_arguments = 3,
                                                 .active_reset_reason = 2,
                                                 .accept_arguments = 2,
                                                 .timewait_process_arguments = 4}},
                                         Kernel{"v6_18",
                                                kernel_6_18,
                                                {.full = true,
                                                 .timewait_cookies = false,
                                                 .read_cast = true,
                                                 .send_reset_arguments = 3,
                                                 .active_reset_reason = 2,
                                                 .accept_arguments = 2,
                                                 .timewait_process_arguments = 5}},
                                         Kernel{"v7_2",
                                                kernel_7_2,
                                                {.full = true,
                                                 .timewait_cookies = false,
                                                 .read_cast = true,
                                                 .send_reset_arguments = 3,
                                                 .active_reset_reason = 1,
                                                 .accept_arguments = 2,
                                                 .timewait_process_arguments = 5}}),
                         [](const testing::TestParamInfo<Kernel>& kernel) {
                           return std::string(kernel.param.name);
                         });

TEST(AttachPlan, SinceLinux6_1EverythingRunsButTheHooksForOlderAndNewerKernels) {
  for (const Features& features : {kernel_6_1(), kernel_6_12(), kernel_6_18()}) {
    const AttachPlan plan = plan_of(features);
    std::vector<std::string> idle = kIdleTurns;
    idle.insert(idle.end(), kIdleHooks.begin(), kIdleHooks.end());
    EXPECT_EQ(not_chosen(plan), idle);
    EXPECT_EQ(hook_of(plan, kIdleTurns[0]).why_not,
              "not needed: this kernel does not preempt a tracepoint");
    EXPECT_EQ(hook_of(plan, kIdleHooks[0]).why_not, "not needed: sk_stream_wait_close tells it");
    EXPECT_EQ(hook_of(plan, kIdleHooks[1]).why_not,
              "not needed: a program can walk over a map by itself");
    EXPECT_EQ(hook_of(plan, kIdleHooks[2]).why_not, "not needed: the current task can be read");
    EXPECT_THAT(plan.degradations(), IsEmpty());
  }
}

TEST(AttachPlan, WhereOnlyAnInterruptLeavesProgramsOutTheNextWaitForThat) {
  for (const Features& features : {kernel_5_10(), kernel_6_1(), kernel_6_12(), kernel_6_18()}) {
    AttachPlan plan = plan_of(features);
    EXPECT_EQ(in_reserve(plan), kReserve);
    for (const std::string& program : kReserve) {
      EXPECT_TRUE(hook_of(plan, program).chosen);
      EXPECT_EQ(hook_of(plan, program).why_not,
                "in reserve: attached once the kernel leaves out a program");
    }
    ASSERT_TRUE(plan.drop(kReserve[0], "refused").ok());
    plan.end_reserve();
    EXPECT_THAT(in_reserve(plan), IsEmpty());
    EXPECT_EQ(hook_of(plan, kReserve[0]).why_not, "refused");
    EXPECT_TRUE(hook_of(plan, kReserve[1]).chosen);
    EXPECT_EQ(hook_of(plan, kReserve[1]).why_not, "");
  }
}

TEST(AttachPlan, SinceLinux7_0AllTurnsRun) {
  const AttachPlan plan = plan_of(kernel_7_2());
  EXPECT_EQ(not_chosen(plan), kIdleHooks);
  EXPECT_THAT(in_reserve(plan), IsEmpty());
  EXPECT_THAT(plan.degradations(), IsEmpty());
}

TEST(AttachPlan, On5_10TheExitHooksRunAndTcpResetDoesNot) {
  const AttachPlan plan = plan_of(kernel_5_10());
  std::vector<std::string> idle = kIdleTurns;
  idle.insert(idle.end(), {"tp_btf__signal_deliver", "iter__bpf_map", "fentry__tcp_reset"});
  EXPECT_EQ(not_chosen(plan), idle);
  EXPECT_TRUE(hook_of(plan, "fentry__tcp_reset").missed());
  EXPECT_THAT(plan.degradations(),
              ElementsAre("fentry/tcp_reset (tcp_reset() is not given the segment): "
                          "not seen: a RST at once: it is told from data after close by what "
                          "follows within 50 ms"));
}

TEST(AttachPlan, WithoutFentryTheBaseHooksRunAndEachLossIsNamed) {
  const AttachPlan plan = plan_of(kernel_without_fentry());
  EXPECT_EQ(plan.set, HookSet::base);
  EXPECT_FALSE(plan.knobs.full);
  EXPECT_TRUE(plan.knobs.timewait_cookies);
  for (const PlannedHook& planned : plan.hooks) {
    if (planned.hook->set == HookSet::full) {
      EXPECT_FALSE(planned.chosen);
      EXPECT_EQ(planned.why_not, planned.hook->program == kTimewaitSegment
                                     ? "not needed: tcp_send_reset tells it"
                                     : "load refused: Operation not permitted");
    }
  }
  EXPECT_EQ(plan.degradations().size(), 12U);
  EXPECT_THAT(plan.degradations(),
              testing::Contains("fentry/inet_twsk_kill (load refused: Operation not permitted): "
                                "not seen: a peer that never closed"));
}

TEST(AttachPlan, FullForcedWithoutFentryIsRefusedWithAHint) {
  const auto plan = make_plan(kernel_without_fentry(), HookMode::full);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ExitCode::unsupported);
  EXPECT_EQ(plan.error().what,
            "the full hook set cannot be attached: fentry: load refused: Operation not permitted");
  EXPECT_THAT(plan.error().hint, HasSubstr("--hooks base"));
}

TEST(AttachPlan, ForcedBaseDoesNotNeedFentry) {
  const AttachPlan plan = plan_of(kernel_without_fentry(), HookMode::base);
  EXPECT_EQ(plan.set, HookSet::base);
}

TEST(AttachPlan, AnOptionalFunctionThatIsMissingDegradesByName) {
  Features features = kernel_6_18();
  features.functions.erase("inet_twsk_kill");  // inlined, as static functions may be
  const AttachPlan plan = plan_of(features);
  EXPECT_EQ(plan.set, HookSet::full);
  EXPECT_EQ(hook_of(plan, "fentry__inet_twsk_kill").why_not, "not in this kernel's BTF");
  EXPECT_THAT(plan.degradations(),
              ElementsAre("fentry/inet_twsk_kill (not in this kernel's BTF): not seen: a peer that "
                          "never closed"));
}

TEST(AttachPlan, BothHooksOfAMissingFunctionDegrade) {
  Features features = kernel_6_18();
  features.functions.erase("tcp_abort");
  const AttachPlan plan = plan_of(features);
  EXPECT_FALSE(hook_of(plan, "fentry__tcp_abort").chosen);
  EXPECT_FALSE(hook_of(plan, "fexit__tcp_abort").chosen);
  EXPECT_EQ(plan.degradations().size(), 2U);
}

TEST(AttachPlan, AMissingBaseTracepointIsUnsupported) {
  for (const char* tracepoint : {"inet_sock_set_state", "tcp_send_reset", "tcp_receive_reset",
                                 "tcp_destroy_sock", "tcp_rcv_space_adjust"}) {
    for (const HookMode mode : {HookMode::automatic, HookMode::base, HookMode::full}) {
      Features features = kernel_6_18();
      features.tracepoints.erase(tracepoint);
      const auto plan = make_plan(features, mode);
      ASSERT_FALSE(plan.ok()) << tracepoint;
      EXPECT_EQ(plan.error().code, ExitCode::unsupported);
      EXPECT_EQ(plan.error().what, "this kernel lacks tp_btf/" + std::string(tracepoint) +
                                       ": not in this kernel's BTF");
      EXPECT_THAT(plan.error().hint, HasSubstr("Linux 5.10 or later"));
    }
  }
}

TEST(AttachPlan, TheExitHooksOf5_10AreOptional) {
  Features features = kernel_5_10();
  features.tracepoints.erase("sched_process_exit");
  const AttachPlan plan = plan_of(features);
  EXPECT_TRUE(hook_of(plan, "tp_btf__sched_process_exit").missed());
  EXPECT_TRUE(hook_of(plan, "tp_btf__sched_process_fork").chosen);
}

TEST(AttachPlan, AReasonIsReadOnlyWhereTheKernelHasReasons) {
  Features features = kernel_7_2();
  features.reset_reasons.clear();
  EXPECT_EQ(plan_of(features).knobs.active_reset_reason, 0);
  // (sk, gfp) beside named reasons, as in between: the second argument is none.
  features = kernel_7_2();
  features.tracepoints["tcp_send_reset"] = 2;
  EXPECT_EQ(plan_of(features).knobs.active_reset_reason, 0);
  features = kernel_7_2();
  features.functions.erase("tcp_send_active_reset");
  EXPECT_EQ(plan_of(features).knobs.active_reset_reason, 0);
}

TEST(AttachPlan, DroppingAnOptionalHookDegradesByName) {
  AttachPlan plan = plan_of(kernel_6_18());
  EXPECT_TRUE(plan.drop("fexit__inet_csk_accept", "Invalid argument").ok());
  EXPECT_FALSE(hook_of(plan, "fexit__inet_csk_accept").chosen);
  EXPECT_THAT(plan.degradations(),
              ElementsAre("fexit/inet_csk_accept (Invalid argument): not seen: the process that "
                          "accepted, until it reads or closes"));
  EXPECT_EQ(plan.set, HookSet::full);
}

TEST(AttachPlan, DroppingARequiredHookFailsAndChangesNothing) {
  AttachPlan plan = plan_of(kernel_6_18());
  const auto dropped = plan.drop("tp_btf__tcp_send_reset", "Operation not permitted");
  ASSERT_FALSE(dropped.ok());
  EXPECT_EQ(dropped.error().code, ExitCode::unsupported);
  EXPECT_EQ(dropped.error().what, "cannot attach tp_btf/tcp_send_reset: Operation not permitted");
  EXPECT_THAT(dropped.error().hint, HasSubstr("closewatch doctor"));
  EXPECT_TRUE(hook_of(plan, "tp_btf__tcp_send_reset").chosen);
}

TEST(AttachPlan, DroppingWhatIsNotPlannedChangesNothing) {
  AttachPlan plan = plan_of(kernel_7_2());
  EXPECT_TRUE(plan.drop("iter__tcp", "no such program").ok());
  EXPECT_EQ(not_chosen(plan), kIdleHooks);
}

}  // namespace
}  // namespace closewatch
