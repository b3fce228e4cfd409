// SPDX-License-Identifier: Apache-2.0
// Counts and bytes in HTML.
#pragma once

#include <cstdint>
#include <string>

namespace closewatch {

// In full, in groups of three digits: "2,294,040,907".
std::string number(std::uint64_t value);

}  // namespace closewatch
