// SPDX-License-Identifier: Apache-2.0
// What a closure is called: one pure function from the facts to the verdict. It knows no kernel, no
// clock and no configuration; the same facts always give the same verdict, live or in a replay.
// Assumes that a record which awaits a RST answer (Facts::awaits_rst) was held until that was
// settled.
#pragma once

#include <cstdint>

#include "userspace/classify/verdict.h"
#include "userspace/record/closure.h"

namespace closewatch {

struct ClassifierContext {
  // Length of a jiffy on the host that recorded (base/clock.h, tick_ns()). 0, not known: a linger
  // wait that ended before the acknowledgement then counts as expired.
  std::uint64_t tick_ns = 0;
};

// Never fails: where no rule applies the verdict is Reason::unknown.
Verdict classify(const Closure& closure, const ClassifierContext& context);

}  // namespace closewatch
