// SPDX-License-Identifier: Apache-2.0
// The facts that a verdict rests on, by name and value, so that a reader can check the rule against
// kernel.md. Assumes the closure is the one the verdict was given for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "userspace/classify/rules.h"
#include "userspace/classify/verdict.h"
#include "userspace/record/closure.h"

namespace closewatch {

struct Observation {
  std::string_view fact;  // "final_state", "rst_before": a literal, never freed
  std::string value;      // "FIN_WAIT1", "yes", "no", "ETIMEDOUT", "0"

  friend bool operator==(const Observation&, const Observation&) = default;
};

// In the order of the rule. Empty when no rule has the id Verdict::rule (a verdict from the history
// of another version).
std::vector<Observation> evidence(const Closure& closure, const Verdict& verdict);

// "ETIMEDOUT"; the number as text where the C library knows no name.
std::string errno_name(std::int32_t number);

}  // namespace closewatch
