// SPDX-License-Identifier: Apache-2.0
// The list of `closewatch pending`: closures that still run in the background, oldest first as
// given.
#pragma once

#include <vector>

#include "userspace/record/pending_close.h"
#include "userspace/render/output.h"

namespace closewatch {

// A table of at most 80 columns, or one line that says that there are none.
void pending_text(Output& output, const std::vector<PendingClose>& closes);
// One object per line; unknown values are null.
void pending_json(Output& output, const std::vector<PendingClose>& closes);
// A header line, then one row each; unknown values are empty.
void pending_csv(Output& output, const std::vector<PendingClose>& closes);

}  // namespace closewatch
