// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/attach_plan.h"

#include <algorithm>
#include <array>
#include <utility>

namespace closewatch {
namespace {

constexpr std::string_view kNotNeeded = "not needed";
constexpr const char* kInReserve = "in reserve: attached once the kernel leaves out a program";
constexpr std::string_view kTaskIterator = "task";
constexpr std::string_view kElementIterator = "bpf_map_elem";
constexpr std::string_view kSignal = "signal_deliver";
constexpr std::string_view kTimewaitSegment = "tcp_timewait_state_process";

constexpr std::string_view kLeftOut =
    "some of the events at which the kernel leaves the first program out";

constexpr std::array kTable{
    Hook{"tp_btf__inet_sock_set_state", HookKind::tracepoint, "inet_sock_set_state", HookSet::base,
         true, ""},
    Hook{"tp_btf__tcp_send_reset", HookKind::tracepoint, "tcp_send_reset", HookSet::base, true, ""},
    Hook{"tp_btf__tcp_receive_reset", HookKind::tracepoint, "tcp_receive_reset", HookSet::base,
         true, ""},
    Hook{"tp_btf__tcp_destroy_sock", HookKind::tracepoint, "tcp_destroy_sock", HookSet::base, true,
         ""},
    Hook{"tp_btf__tcp_rcv_space_adjust", HookKind::tracepoint, "tcp_rcv_space_adjust",
         HookSet::base, true, ""},
    Hook{"tp_btf__inet_sock_set_state__again", HookKind::tracepoint, "inet_sock_set_state",
         HookSet::base, false, kLeftOut, Turn::again},
    Hook{"tp_btf__tcp_send_reset__again", HookKind::tracepoint, "tcp_send_reset", HookSet::base,
         false, kLeftOut, Turn::again},
    Hook{"tp_btf__tcp_receive_reset__again", HookKind::tracepoint, "tcp_receive_reset",
         HookSet::base, false, kLeftOut, Turn::again},
    Hook{"tp_btf__tcp_destroy_sock__again", HookKind::tracepoint, "tcp_destroy_sock", HookSet::base,
         false, kLeftOut, Turn::again},
    Hook{"tp_btf__inet_sock_set_state__last", HookKind::tracepoint, "inet_sock_set_state",
         HookSet::base, false, kLeftOut, Turn::last},
    Hook{"tp_btf__tcp_send_reset__last", HookKind::tracepoint, "tcp_send_reset", HookSet::base,
         false, kLeftOut, Turn::last},
    Hook{"tp_btf__tcp_receive_reset__last", HookKind::tracepoint, "tcp_receive_reset",
         HookSet::base, false, kLeftOut, Turn::last},
    Hook{"tp_btf__tcp_destroy_sock__last", HookKind::tracepoint, "tcp_destroy_sock", HookSet::base,
         false, kLeftOut, Turn::last},
    Hook{"tp_btf__signal_deliver", HookKind::tracepoint, kSignal, HookSet::base, false,
         "a linger that a signal interrupted, when the connection ends after its time"},
    Hook{"iter__task_file", HookKind::iterator, "task_file", HookSet::base, false,
         "the owner of a socket opened before the start, until it reads or closes"},
    Hook{"iter__bpf_map", HookKind::iterator, "bpf_map", HookSet::base, false,
         "how many connections ended unseen"},
    Hook{"iter__bpf_map_elem", HookKind::iterator, kElementIterator, HookSet::base, false,
         "how many connections ended unseen"},
    Hook{"tp_btf__sched_process_exit", HookKind::tracepoint, "sched_process_exit", HookSet::base,
         false, "whether a close came from the exit of its process"},
    Hook{"tp_btf__sched_process_fork", HookKind::tracepoint, "sched_process_fork", HookSet::base,
         false, "whether a close came from the exit of its process"},
    Hook{"tp_btf__sched_process_exec", HookKind::tracepoint, "sched_process_exec", HookSet::base,
         false, "whether a helper that the kernel started is still one of its threads"},
    Hook{"iter__task", HookKind::iterator, kTaskIterator, HookSet::base, false,
         "whether a close came from a thread of the kernel"},
    Hook{"fentry__tcp_close", HookKind::fentry, "tcp_close", HookSet::full, false,
         "the time that close() waited for the socket lock"},
    Hook{"fentry____tcp_close", HookKind::fentry, "__tcp_close", HookSet::full, false,
         "the time that close() blocked"},
    Hook{"fexit____tcp_close", HookKind::fexit, "__tcp_close", HookSet::full, false,
         "the time that close() blocked"},
    Hook{"fexit__sk_stream_wait_close", HookKind::fexit, "sk_stream_wait_close", HookSet::full,
         false, "a linger that task work interrupted, when the connection ends after its time"},
    Hook{"fentry__tcp_send_fin", HookKind::fentry, "tcp_send_fin", HookSet::full, false,
         "the FIN of a TCP Fast Open child that is closed before its handshake ends"},
    Hook{"fentry__tcp_send_active_reset", HookKind::fentry, "tcp_send_active_reset", HookSet::full,
         false, "the reason of a RST that could not be sent"},
    Hook{"fentry__tcp_reset", HookKind::fentry, "tcp_reset", HookSet::full, false,
         "a RST at once: it is told from data after close by what follows within 50 ms"},
    Hook{"fentry__tcp_abort", HookKind::fentry, "tcp_abort", HookSet::full, false,
         "who destroyed an orphan"},
    Hook{"fexit__tcp_abort", HookKind::fexit, "tcp_abort", HookSet::full, false,
         "an orphan that SOCK_DESTROY left without a timer (5.10)"},
    Hook{"fexit__inet_csk_accept", HookKind::fexit, "inet_csk_accept", HookSet::full, false,
         "the process that accepted, until it reads or closes"},
    Hook{"fexit__inet_twsk_alloc", HookKind::fexit, "inet_twsk_alloc", HookSet::full, false,
         "the fate of a FIN_WAIT2 timewait socket"},
    Hook{"fexit__tcp_timewait_state_process", HookKind::fexit, kTimewaitSegment, HookSet::full,
         false, "data that reaches a FIN_WAIT2 timewait socket"},
    Hook{"fentry__inet_twsk_kill", HookKind::fentry, "inet_twsk_kill", HookSet::full, false,
         "a peer that never closed"},
};

int arguments_of(const std::map<std::string, int, std::less<>>& known, std::string_view name,
                 int otherwise) {
  const auto found = known.find(name);
  return found == known.end() ? otherwise : found->second;
}

// tcp_send_reset(sk, skb, reason), from 6.10, is also called for timewait sockets.
bool timewait_resets_are_traced(const Features& features) {
  return arguments_of(features.tracepoints, "tcp_send_reset", 2) >= 3;
}

// Empty when the hook is to run.
std::string reason_against(const Hook& hook, const Features& features, HookSet set) {
  if (hook.set == HookSet::full && set == HookSet::base) {
    if (hook.target == kTimewaitSegment && timewait_resets_are_traced(features)) {
      return std::string(kNotNeeded) + ": tcp_send_reset tells it";
    }
    return features.fentry_refused.empty() ? "base hooks were asked for" : features.fentry_refused;
  }
  if (hook.turn == Turn::last && !features.preemptible_tracepoints) {
    return std::string(kNotNeeded) + ": this kernel does not preempt a tracepoint";
  }
  if (hook.target == kSignal && set == HookSet::full) {
    return std::string(kNotNeeded) + ": sk_stream_wait_close tells it";
  }
  if (features.current_task &&
      (hook.target.starts_with("sched_process_") || hook.target == kTaskIterator)) {
    return std::string(kNotNeeded) + ": the current task can be read";
  }
  if (hook.target == kElementIterator && features.map_walk) {
    return std::string(kNotNeeded) + ": a program can walk over a map by itself";
  }
  if (hook.target == "bpf_map" && !features.map_walk) {
    return std::string(kNotNeeded) + ": no program can walk over a map by itself";
  }
  if (hook.kind == HookKind::iterator) {
    return {};
  }
  const auto& known = hook.kind == HookKind::tracepoint ? features.tracepoints : features.functions;
  const auto found = known.find(hook.target);
  if (found == known.end()) {
    return "not in this kernel's BTF";
  }
  if (hook.target == "tcp_reset" && found->second < 2) {
    return "tcp_reset() is not given the segment";
  }
  return {};
}

// An interrupt seldom brings a packet in the middle of a program; a task is often preempted there.
bool waits_to_be_needed(const Hook& hook, const Features& features) {
  return hook.turn == Turn::again && !features.preemptible_tracepoints;
}

PlanKnobs knobs_for(const Features& features, HookSet set) {
  PlanKnobs knobs;
  knobs.full = set == HookSet::full;
  knobs.read_cast = features.read_cast;
  knobs.send_reset_arguments = arguments_of(features.tracepoints, "tcp_send_reset", 2);
  // (sk, gfp), (sk, gfp, reason) or (sk, reason): with reset reasons known, the reason is the last.
  if (!features.reset_reasons.empty()) {
    const int count = arguments_of(features.functions, "tcp_send_active_reset", 0);
    const bool reason_in_two = knobs.send_reset_arguments >= 3;
    if (count == 3) {
      knobs.active_reset_reason = 2;
    } else if (count == 2 && reason_in_two) {
      knobs.active_reset_reason = 1;
    }
  }
  knobs.accept_arguments = arguments_of(features.functions, "inet_csk_accept", 2);
  knobs.timewait_process_arguments = arguments_of(features.functions, kTimewaitSegment, 5);
  knobs.timewait_cookies = set == HookSet::base && timewait_resets_are_traced(features);
  return knobs;
}

}  // namespace

const std::span<const Hook> kHooks{kTable};

std::string_view name_of(HookKind kind) {
  switch (kind) {
    case HookKind::tracepoint:
      return "tp_btf";
    case HookKind::fentry:
      return "fentry";
    case HookKind::fexit:
      return "fexit";
    case HookKind::iterator:
      return "iter";
  }
  return {};
}

std::string_view name_of(HookSet set) { return set == HookSet::full ? "full" : "base"; }

bool PlannedHook::missed() const { return !chosen && !why_not.starts_with(kNotNeeded); }

Result<> AttachPlan::drop(std::string_view program, std::string why) {
  const auto found = std::find_if(hooks.begin(), hooks.end(), [&](const PlannedHook& planned) {
    return planned.hook->program == program;
  });
  if (found == hooks.end()) {
    return {};
  }
  if (found->hook->required) {
    return Error{.what = "cannot attach " + std::string(name_of(found->hook->kind)) + "/" +
                         std::string(found->hook->target) + ": " + why,
                 .hint = "run as root, or with CAP_BPF and CAP_PERFMON; see `closewatch doctor`",
                 .code = ExitCode::unsupported};
  }
  found->chosen = false;
  found->in_reserve = false;
  found->why_not = std::move(why);
  return {};
}

void AttachPlan::end_reserve() {
  for (PlannedHook& planned : hooks) {
    if (std::exchange(planned.in_reserve, false)) {
      planned.why_not.clear();
    }
  }
}

std::vector<std::string> AttachPlan::degradations() const {
  std::vector<std::string> lines;
  for (const PlannedHook& planned : hooks) {
    if (planned.missed()) {
      lines.push_back(std::string(name_of(planned.hook->kind)) + "/" +
                      std::string(planned.hook->target) + " (" + planned.why_not +
                      "): not seen: " + std::string(planned.hook->without));
    }
  }
  return lines;
}

Result<AttachPlan> make_plan(const Features& features, HookMode mode) {
  if (mode == HookMode::full && !features.fentry_refused.empty()) {
    return Error{
        .what = "the full hook set cannot be attached: fentry: " + features.fentry_refused,
        .hint =
            "ask for the base hooks (--hooks base, or hooks = \"base\" in a configuration): every "
            "class, reason and byte count is right there too",
        .code = ExitCode::unsupported};
  }
  AttachPlan plan;
  plan.set =
      mode != HookMode::base && features.fentry_refused.empty() ? HookSet::full : HookSet::base;
  for (const Hook& hook : kHooks) {
    std::string against = reason_against(hook, features, plan.set);
    if (!against.empty() && hook.required) {
      return Error{.what = "this kernel lacks " + std::string(name_of(hook.kind)) + "/" +
                           std::string(hook.target) + ": " + against,
                   .hint = "closewatch needs Linux 5.10 or later with BTF for its tracepoints",
                   .code = ExitCode::unsupported};
    }
    PlannedHook& planned = plan.hooks.emplace_back();
    planned.hook = &hook;
    planned.chosen = against.empty();
    planned.in_reserve = planned.chosen && waits_to_be_needed(hook, features);
    planned.why_not = planned.in_reserve ? kInReserve : std::move(against);
  }
  plan.knobs = knobs_for(features, plan.set);
  return plan;
}

}  // namespace closewatch
