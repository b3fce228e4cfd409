// SPDX-License-Identifier: Apache-2.0
// Why closewatch does not run here, or sees less than it could, and how to mend it. An errno is no
// proof of a cause (EPERM is a missing capability, a seccomp filter, a user namespace, or a kernel
// that refuses fentry to everybody), so causes come from facts about the system. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/doctor/system_facts.h"
#include "userspace/kernel/attach_plan.h"
#include "userspace/kernel/features.h"

namespace closewatch {

enum class Weight : std::uint8_t { stops, degrades, note };
std::string_view name_of(Weight weight);

struct Cause {
  std::string_view name;  // stable, for scripts: "missing_capabilities"
  Weight weight = Weight::note;
  std::string what;
  std::string mend;  // empty: nothing to do
};

// `features`: nullptr when they could not be asked. `failed`: closewatch was tried and did not
// start; what would stop it is looked for only then. Those that stop come first.
std::vector<Cause> find_causes(const SystemFacts& facts, const Features* features, bool failed);

// `error` of probe_features() or of Observer::start() in `mode`, with the hint that the facts
// prove. Errors of other codes than ExitCode::unsupported, and those no fact explains, stay as they
// are.
Error with_true_cause(Error error, const SystemFacts& facts, const Features* features,
                      HookMode mode);

}  // namespace closewatch
