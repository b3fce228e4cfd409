// SPDX-License-Identifier: Apache-2.0
// One closure in two or three plain sentences with its numbers: what happened, what was lost, and
// what else is worth knowing. What to do about it is in meaning.h, the facts behind it in
// evidence.h. Assumes that the verdict was given for this closure. Names no process: those are
// hostile bytes, which each output escapes for itself.
#pragma once

#include <string>

#include "userspace/classify/verdict.h"
#include "userspace/record/closure.h"

namespace closewatch {

std::string explain(const Closure& closure, const Verdict& verdict);

}  // namespace closewatch
