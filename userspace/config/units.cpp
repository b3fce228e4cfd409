// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace closewatch {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};

constexpr std::uint64_t kSecond = 1'000'000'000;
// From the smallest; each divides the next.
constexpr std::array kDurations{
    Unit{"ns", 1},
    Unit{"us", 1000},
    Unit{"ms", 1'000'000},
    Unit{"s", kSecond},
    Unit{"m", 60 * kSecond},
    Unit{"h", 3600 * kSecond},
    Unit{"d", 86400 * kSecond},
};
constexpr std::array kSizes{
    Unit{"B", 1},
    Unit{"KiB", 1ULL << 10},
    Unit{"MiB", 1ULL << 20},
    Unit{"GiB", 1ULL << 30},
    Unit{"TiB", 1ULL << 40},
};

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : units) {
    if (unit.name == name) {
      return number <= kMost / unit.worth ? std::optional(number * unit.worth) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::string text_of(std::uint64_t value, std::span<const Unit> units, std::string_view of_none) {
  if (value == 0) {
    return "0" + std::string(of_none);
  }
  std::size_t largest = 0;
  while (largest + 1 < units.size() && value % units[largest + 1].worth == 0) {
    ++largest;
  }
  return std::to_string(value / units[largest].worth) + std::string(units[largest].name);
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto ns = parse(text, kDurations);
  return ns ? std::optional(std::chrono::nanoseconds(static_cast<std::int64_t>(*ns)))
            : std::nullopt;
}

std::string duration_text(std::chrono::nanoseconds duration) {
  return text_of(static_cast<std::uint64_t>(duration.count()), kDurations, "s");
}

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, kSizes); }

std::string size_text(std::uint64_t bytes) { return text_of(bytes, kSizes, "B"); }

}  // namespace closewatch
