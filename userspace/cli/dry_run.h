// SPDX-License-Identifier: Apache-2.0
// The rules of a configuration over what was kept, instead of the host: what they would have told.
#pragma once

#include "userspace/base/result.h"
#include "userspace/cli/options.h"

namespace closewatch {

// `options.dry_run` is a capture or a history. Closures that the configuration does not observe
// count for nothing. A history keeps a graceful closure as a row within its budget only: what
// cannot be judged for that is told first, and such rules are left out.
Result<> dry_run_alerts(const Options& options);

}  // namespace closewatch
