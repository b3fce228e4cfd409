// SPDX-License-Identifier: Apache-2.0
// Times as the command line takes them. UTC, as all that closewatch prints.
#pragma once

#include <cstdint>
#include <string>

#include "userspace/base/result.h"

namespace closewatch {

// Nanoseconds of "90s", "30m", "24h", "7d", "2w", at most 100 years. Errors: ExitCode::usage.
Result<std::int64_t> duration_of(const std::string& text);

// CLOCK_REALTIME in ns of a time that long before `now_ns` ("24h"), of "now", of "today" and
// "yesterday" (their midnight), or of "2026-01-31", "2026-01-31T12:00", "2026-01-31T12:00:00", each
// with or without Z. Errors: ExitCode::usage.
Result<std::int64_t> moment_of(const std::string& text, std::int64_t now_ns);

}  // namespace closewatch
