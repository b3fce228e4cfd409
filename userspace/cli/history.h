// SPDX-License-Identifier: Apache-2.0
// Commands over a history file instead of the host: report, trace and explain.
#pragma once

#include "userspace/base/result.h"
#include "userspace/cli/options.h"

namespace closewatch {

// The time of the options, by default all that the history holds, up to `now_ns`.
Result<> report_history(const Options& options, std::int64_t now_ns);
Result<> trace_history(const Options& options, std::int64_t now_ns);
// `options.subject` is the id of a closure.
Result<> explain_closure(const Options& options);

}  // namespace closewatch
