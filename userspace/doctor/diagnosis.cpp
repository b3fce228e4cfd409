// SPDX-License-Identifier: Apache-2.0
#include "userspace/doctor/diagnosis.h"

#include <algorithm>
#include <utility>

namespace closewatch {
namespace {

std::vector<Blind> blind_spots(const std::vector<PlannedHook>& hooks) {
  std::vector<Blind> spots;
  for (const PlannedHook& planned : hooks) {
    if (!planned.missed()) {
      continue;
    }
    const auto known = std::find_if(spots.begin(), spots.end(), [&](const Blind& spot) {
      return spot.what == planned.hook->without;
    });
    Blind& spot = known != spots.end() ? *known : spots.emplace_back();
    spot.what = planned.hook->without;
    spot.hooks.push_back(planned.hook);
  }
  return spots;
}

}  // namespace

Diagnosis diagnose(SystemFacts facts, const Result<Features>& features,
                   const Result<AttachPlan>& started) {
  Diagnosis out;
  const Features* const known = features.ok() ? &*features : nullptr;
  const auto intended = known != nullptr ? make_plan(*known, HookMode::automatic)
                                         : Result<AttachPlan>(features.error());
  if (const auto& plan = started.ok() ? started : intended; plan.ok()) {
    out.set = plan->set;
    out.hooks = plan->hooks;
    out.blind = blind_spots(plan->hooks);
  }
  if (!started.ok()) {
    out.error = with_true_cause(started.error(), facts, known, HookMode::automatic);
  }
  out.causes = find_causes(facts, known, !started.ok());
  out.facts = std::move(facts);
  return out;
}

}  // namespace closewatch
