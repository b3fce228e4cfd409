// SPDX-License-Identifier: Apache-2.0
// Which hooks run, in which form, and why: a pure table and a pure function over what the kernel
// offers. bpf/README.md explains each hook; this decides.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/features.h"

namespace closewatch {

enum class HookKind { tracepoint, fentry, fexit, iterator };
enum class HookSet { base, full };
enum class HookMode { automatic, base, full };

std::string_view name_of(HookKind kind);
std::string_view name_of(HookSet set);

// The programs of one target run in this order; each does what those before it were kept from.
enum class Turn {
  first,
  again,  // kept from it by an interrupt
  last,   // or where the kernel preempts tracepoints, by another task
};

struct Hook {
  std::string_view program;  // name in bpf/closewatch.bpf.c
  HookKind kind;
  std::string_view target;  // tracepoint, function or iterator
  HookSet set;
  bool required;
  std::string_view without;  // what cannot be seen without it: the text of the degradation
  Turn turn = Turn::first;
};

extern const std::span<const Hook> kHooks;

struct PlannedHook {
  const Hook* hook = nullptr;
  bool chosen = false;
  // Chosen and loaded, to be attached when the kernel first leaves out a program.
  bool in_reserve = false;
  std::string why_not;  // when not chosen or in reserve

  // It is not chosen although it would tell something on this kernel.
  [[nodiscard]] bool missed() const;
};

// Numbers that the programs read as constants.
struct PlanKnobs {
  bool full = false;
  bool timewait_cookies = false;
  bool read_cast = false;  // load the programs that cast before they read (bpf/compat.bpf.h)
  int send_reset_arguments = 3;
  int active_reset_reason = 0;
  int accept_arguments = 2;
  int timewait_process_arguments = 5;

  friend bool operator==(const PlanKnobs&, const PlanKnobs&) = default;
};

struct AttachPlan {
  HookSet set = HookSet::base;
  std::vector<PlannedHook> hooks;
  PlanKnobs knobs;

  // A chosen hook turned out not to load or attach: degrade by name. Errors when it is required.
  Result<> drop(std::string_view program, std::string why);
  // The hooks in reserve were attached, or dropped.
  void end_reserve();
  // "<hook>: <what is not seen>" for each hook that does not run although its set was wanted.
  [[nodiscard]] std::vector<std::string> degradations() const;
};

// Errors (ExitCode::unsupported): a required hook is missing, or `mode` is full and fentry is
// refused.
Result<AttachPlan> make_plan(const Features& features, HookMode mode);

}  // namespace closewatch
