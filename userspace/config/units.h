// SPDX-License-Identifier: Apache-2.0
// Durations and sizes as people write them into a configuration: a whole number and a unit.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace closewatch {

// "250ms", "90s", "5m", "24h", "30d". nullopt: not that form, or more than 292 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
// The largest unit that leaves a whole number; "0s".
std::string duration_text(std::chrono::nanoseconds duration);

// "512B", "64KiB", "512MiB", "2GiB", "1TiB". nullopt: not that form, or 2^63 bytes and more.
std::optional<std::uint64_t> parse_size(std::string_view text);
// The largest unit that leaves a whole number; "0B".
std::string size_text(std::uint64_t bytes);

}  // namespace closewatch
