// SPDX-License-Identifier: Apache-2.0
// From the filters of a user to those that act: in the kernel, and after the verdict.
// Errors name the filter, say what was expected, and are ExitCode::usage.
#pragma once

#include "userspace/base/result.h"
#include "userspace/kernel/observer.h"
#include "userspace/observe/options.h"
#include "userspace/pipeline/kept_filter.h"
#include "userspace/pipeline/selection.h"

namespace closewatch {

Result<KernelFilter> kernel_filter(const FilterOptions& options);
// The same for what was kept, in place of the kernel's. Users and paths are those of this host.
Result<KeptFilter> kept_filter(const FilterOptions& options);
Result<Selection> selection(const FilterOptions& options);

}  // namespace closewatch
