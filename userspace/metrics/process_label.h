// SPDX-License-Identifier: Apache-2.0
// The value of a label that names a process. Processes choose their names: what comes out is valid
// UTF-8 on one line, and two names never come out the same.
#pragma once

#include <string>
#include <string_view>

#include "userspace/metrics/close_series.h"

namespace closewatch {

// In place of a name. A process that calls itself so comes out with its first letter as \xNN.
inline constexpr std::string_view kOtherProcesses = "other";
inline constexpr std::string_view kUnknownProcess = "unknown";

// What is not printable, and bytes that are not UTF-8, become \xNN for each byte, and a backslash
// is doubled (render/escape.h). A process with an empty name is \x00: Prometheus takes an empty
// label for one that is not there.
std::string process_label(const ProcessName& name);

// The same of any other text that closewatch did not choose itself.
std::string label_text(std::string_view text);

}  // namespace closewatch
