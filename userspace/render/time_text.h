// SPDX-License-Identifier: Apache-2.0
// Times as text, always UTC, from nanoseconds of CLOCK_REALTIME.
#pragma once

#include <cstdint>
#include <string>

#include "userspace/render/text_buffer.h"

namespace closewatch {

// RFC 3339 with 0, 3, 6 or 9 digits of the second: "2026-01-31T12:00:00.123456789Z". Digits that
// are left out are cut off, not rounded.
void append_rfc3339(TextBuffer& out, std::int64_t unix_ns, unsigned digits = 9);
std::string rfc3339(std::int64_t unix_ns, unsigned digits = 9);

// The time of day alone: "12:00:00".
void append_time_of_day(TextBuffer& out, std::int64_t unix_ns);

}  // namespace closewatch
