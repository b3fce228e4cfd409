// SPDX-License-Identifier: Apache-2.0
// Counts and durations for people, at most 6 and 5 columns wide (durations up to a year): exact
// while that fits, then two or three digits and a unit, rounded half up.
#pragma once

#include <cstdint>

#include "userspace/render/text_buffer.h"

namespace closewatch {

// "999999", "1.2M", "340G" (powers of 1000).
void append_count(TextBuffer& out, std::uint64_t count);

// From microseconds: "12us", "3.4ms", "120ms", "1.20s", "45.3s", "345s", "16.7m", "20.5h".
void append_duration(TextBuffer& out, std::uint64_t microseconds);

}  // namespace closewatch
