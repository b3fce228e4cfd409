// SPDX-License-Identifier: Apache-2.0
// What `closewatch doctor` has to say: does it run here, which hook in which form, what is not
// seen, why, and how to mend it. Pure over the facts of the system, the features of the kernel and
// the outcome of a real start.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/doctor/causes.h"
#include "userspace/doctor/system_facts.h"
#include "userspace/kernel/attach_plan.h"
#include "userspace/kernel/features.h"

namespace closewatch {

// A fact that is not told, and the hooks that would have told it.
struct Blind {
  std::string_view what;
  std::vector<const Hook*> hooks;
};

struct Diagnosis {
  SystemFacts facts;
  std::optional<Error> error;      // why it does not run; nullopt: it runs
  HookSet set = HookSet::base;     // that runs, or would
  std::vector<PlannedHook> hooks;  // empty: the kernel could not even be asked
  std::vector<Blind> blind;
  std::vector<Cause> causes;
  // Capabilities that serve keeps once it has attached, and why; nullopt: not tried.
  std::optional<std::string> kept;

  [[nodiscard]] bool runs() const { return !error; }
};

// `started`: the plan of an observer that was started in automatic mode, or why it did not start.
Diagnosis diagnose(SystemFacts facts, const Result<Features>& features,
                   const Result<AttachPlan>& started);

// For people: lines of at most 80 columns, ASCII (but for single words that are longer).
std::string diagnosis_text(const Diagnosis& diagnosis);

// For programs: one JSON object on one line, with the line's end. Unknown facts are null.
std::string diagnosis_json(const Diagnosis& diagnosis);

}  // namespace closewatch
