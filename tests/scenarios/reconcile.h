// SPDX-License-Identifier: Apache-2.0
// Holds closewatch's verdicts against the kernel's own tally of the namespace (kernel.md section
// 5), whatever the situation expects: two witnesses that know nothing of each other.
#pragma once

#include "tests/scenarios/expectation.h"

namespace closewatch::scenarios {

Complaints reconcile(const demo::Truth& truth, const std::vector<Json>& closures);

}  // namespace closewatch::scenarios
