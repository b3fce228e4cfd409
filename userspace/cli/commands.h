// SPDX-License-Identifier: Apache-2.0
// One function per command. Each writes data to stdout and diagnostics to stderr, and returns when
// the command is over; an Error carries the exit code.
#pragma once

#include "userspace/base/result.h"
#include "userspace/cli/options.h"

namespace closewatch {

Result<> run_trace(const Options& options);
Result<> run_report(const Options& options);
Result<> run_pending(const Options& options);
Result<> run_explain(const Options& options);
Result<> run_record(const Options& options);
Result<> run_replay(const Options& options);
Result<> run_doctor(const Options& options);
Result<> run_demo(const Options& options);
Result<> run_serve(const Options& options);
Result<> run_check_config(const Options& options);
Result<> run_completion(const Options& options);
Result<> run_version();

}  // namespace closewatch
