// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/commands.h"

namespace closewatch {

Result<> run_doctor(const Options& /*options*/) { return Error{.what = "not here yet"}; }

}  // namespace closewatch
