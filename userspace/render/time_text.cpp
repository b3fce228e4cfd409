// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/time_text.h"

#include <array>
#include <chrono>
#include <cstring>

namespace closewatch {
namespace {

// "00" to "99".
constexpr auto kPairs = [] {
  std::array<std::array<char, 2>, 100> pairs{};
  for (unsigned value = 0; value < pairs.size(); ++value) {
    pairs[value] = {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
  }
  return pairs;
}();

void put_pair(char* text, unsigned value) {
  std::memcpy(text, kPairs[value].data(), kPairs[value].size());
}

void put_time_of_day(char* text, unsigned seconds) {  // "hh:mm:ss"
  put_pair(text, seconds / 3600);
  text[2] = ':';
  put_pair(text + 3, seconds / 60 % 60);
  text[5] = ':';
  put_pair(text + 6, seconds % 60);
}

struct Moment {
  std::chrono::sys_days day;
  unsigned second;      // of the day
  unsigned nanosecond;  // of the second
};

Moment moment_of(std::int64_t unix_ns) {
  using namespace std::chrono;
  const nanoseconds time{unix_ns};
  const auto second = floor<seconds>(time);
  const auto day = floor<days>(second);
  // In seconds: the day in which the first nanosecond lies began before it.
  const auto nanosecond = unix_ns % 1'000'000'000;
  return {sys_days(day), static_cast<unsigned>((second - day).count()),
          static_cast<unsigned>(nanosecond < 0 ? nanosecond + 1'000'000'000 : nanosecond)};
}

}  // namespace

void append_rfc3339(TextBuffer& out, std::int64_t unix_ns, unsigned digits) {
  const Moment moment = moment_of(unix_ns);
  const std::chrono::year_month_day date{moment.day};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  std::array<char, 30> text;
  put_pair(text.data(), year / 100);
  put_pair(text.data() + 2, year % 100);
  text[4] = '-';
  put_pair(text.data() + 5, static_cast<unsigned>(date.month()));
  text[7] = '-';
  put_pair(text.data() + 8, static_cast<unsigned>(date.day()));
  text[10] = 'T';
  put_time_of_day(text.data() + 11, moment.second);
  std::size_t length = 19;
  if (digits > 0) {
    text[19] = '.';
    unsigned rest = moment.nanosecond;
    for (std::size_t at = 27; at > 20; at -= 2, rest /= 100) {
      put_pair(text.data() + at, rest % 100);
    }
    text[20] = static_cast<char>('0' + rest);
    length = 20 + digits;
  }
  text[length] = 'Z';
  append(out, {text.data(), length + 1});
}

std::string rfc3339(std::int64_t unix_ns, unsigned digits) {
  TextBuffer text;
  append_rfc3339(text, unix_ns, digits);
  return std::string(view_of(text));
}

void append_time_of_day(TextBuffer& out, std::int64_t unix_ns) {
  std::array<char, 8> text;
  put_time_of_day(text.data(), moment_of(unix_ns).second);
  append(out, {text.data(), text.size()});
}

}  // namespace closewatch
