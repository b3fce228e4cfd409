// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/moments.h"

#include <time.h>

#include <charconv>
#include <string_view>

namespace closewatch {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecondNs;

Error not_a(const char* what, const std::string& text, const char* hint) {
  return {.what = "'" + text + "' is no " + what, .hint = hint, .code = ExitCode::usage};
}

Error no_time(const std::string& text) {
  return not_a("time", text, "write how long ago (24h, 7d), or a time in UTC: 2026-01-31T12:00");
}

std::int64_t unit_of(char letter) {
  switch (letter) {
    case 's':
      return kSecondNs;
    case 'm':
      return 60 * kSecondNs;
    case 'h':
      return 3600 * kSecondNs;
    case 'd':
      return kDay;
    case 'w':
      return 7 * kDay;
    default:
      return 0;
  }
}

}  // namespace

Result<std::int64_t> duration_of(const std::string& text) {
  constexpr std::int64_t kMost = 36'525 * kDay;
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, count);
  const std::int64_t unit = error == std::errc{} && after + 1 == end ? unit_of(*after) : 0;
  if (unit == 0 || count <= 0 || count > kMost / unit) {
    return not_a("length of time", text, "write it as 90s, 30m, 24h, 7d or 2w");
  }
  return count * unit;
}

Result<std::int64_t> moment_of(const std::string& text, std::int64_t now_ns) {
  const std::int64_t midnight = now_ns - now_ns % kDay;
  if (text == "now") {
    return now_ns;
  }
  if (text == "today") {
    return midnight;
  }
  if (text == "yesterday") {
    return midnight - kDay;
  }
  for (const char* form :
       {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    tm time{};
    const char* const rest = ::strptime(text.c_str(), form, &time);
    if (rest != nullptr && (*rest == '\0' || std::string_view(rest) == "Z")) {
      const int day = time.tm_mday;  // timegm() makes 2 March of 30 February
      std::int64_t moment = 0;
      const bool told = !__builtin_mul_overflow(::timegm(&time), kSecondNs, &moment);
      return told && time.tm_mday == day ? Result<std::int64_t>(moment) : no_time(text);
    }
  }
  if (const auto ago = duration_of(text); ago.ok()) {
    return now_ns - *ago;
  }
  return no_time(text);
}

}  // namespace closewatch
