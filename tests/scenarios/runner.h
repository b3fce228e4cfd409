// SPDX-License-Identifier: Apache-2.0
// Plays situations side by side, lets closewatch watch, and judges. One thread: each play is a
// process, and so is closewatch.
#pragma once

#include "tests/scenarios/options.h"
#include "userspace/base/result.h"

namespace closewatch::scenarios {

// True when nothing failed. Verdicts go to stdout.
Result<bool> run(const Options& options);

}  // namespace closewatch::scenarios
