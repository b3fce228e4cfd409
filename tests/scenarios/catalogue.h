// SPDX-License-Identifier: Apache-2.0
// All situations of the test: those of `closewatch demo` and the rest of kernel.md's catalogue.
#pragma once

#include <vector>

#include "userspace/demo/situation.h"

namespace closewatch::scenarios {

const std::vector<demo::Situation>& all_situations();

}  // namespace closewatch::scenarios
