// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/quantity.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <span>
#include <string_view>

namespace closewatch {
namespace {

// How values below `limit` are written; the limit is where rounding would need one digit more.
struct Step {
  std::uint64_t limit;
  std::uint64_t unit;
  unsigned decimals;
  std::string_view suffix;
};

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMega = 1'000'000;
constexpr std::uint64_t kGiga = 1'000 * kMega;
constexpr std::uint64_t kTera = 1'000 * kGiga;
constexpr std::uint64_t kPeta = 1'000 * kTera;

constexpr std::array<Step, 10> kCounts{{
    {kMega, 1, 0, ""},
    {99'950'000, kMega, 1, "M"},
    {999'500'000, kMega, 0, "M"},
    {99'950 * kMega, kGiga, 1, "G"},
    {999'500 * kMega, kGiga, 0, "G"},
    {99'950 * kGiga, kTera, 1, "T"},
    {999'500 * kGiga, kTera, 0, "T"},
    {99'950 * kTera, kPeta, 1, "P"},
    {999'500 * kTera, kPeta, 0, "P"},
    {kNoLimit, 1'000 * kPeta, 1, "E"},
}};

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;

constexpr std::array<Step, 10> kDurations{{
    {1'000, 1, 0, "us"},
    {9'950, 1'000, 1, "ms"},
    {999'500, 1'000, 0, "ms"},
    {9'995'000, kSecond, 2, "s"},
    {99'950'000, kSecond, 1, "s"},
    {999'500'000, kSecond, 0, "s"},
    {5'997 * kSecond, kMinute, 1, "m"},
    {59'970 * kSecond, kMinute, 0, "m"},
    {359'820 * kSecond, kHour, 1, "h"},
    {kNoLimit, kHour, 0, "h"},
}};

void append_scaled(TextBuffer& out, std::uint64_t value, std::span<const Step> steps) {
  const Step& step = *std::find_if(steps.begin(), steps.end() - 1,
                                   [value](const Step& each) { return value < each.limit; });
  const std::uint64_t scale = step.decimals == 0 ? 1 : step.decimals == 1 ? 10 : 100;
  const std::uint64_t smallest = step.unit / scale;  // what the last digit shown stands for
  const std::uint64_t rounded =
      smallest <= 1 ? value : value / smallest + (value % smallest >= smallest / 2 ? 1 : 0);
  append_number(out, rounded / scale);
  if (step.decimals > 0) {
    out.push_back('.');
    fmt::format_to(std::back_inserter(out), "{:0{}}", rounded % scale, step.decimals);
  }
  append(out, step.suffix);
}

}  // namespace

void append_count(TextBuffer& out, std::uint64_t count) { append_scaled(out, count, kCounts); }

void append_duration(TextBuffer& out, std::uint64_t microseconds) {
  append_scaled(out, microseconds, kDurations);
}

}  // namespace closewatch
