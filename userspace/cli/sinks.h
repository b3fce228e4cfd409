// SPDX-License-Identifier: Apache-2.0
// The sink that trace and replay write to, as the command line asks for it; how a command that
// wrote ends.
#pragma once

#include <cstdint>
#include <memory>

#include "userspace/base/result.h"
#include "userspace/cli/options.h"
#include "userspace/pipeline/finding.h"
#include "userspace/render/output.h"

namespace closewatch {

// `output` must outlive the sink. `tick_ns` is that of the kernel that made the records.
std::unique_ptr<Sink> make_sink(const ViewOptions& view, std::uint64_t tick_ns, Output& output);

// Colour: only on a terminal, and not with NO_COLOR set (no-color.org).
bool wants_colour(int fd);

// `result`, or when that is fine the error of `output`, whose lines that nobody got are told on
// stderr.
Result<> ended(const Output& output, Result<> result = {});

}  // namespace closewatch
