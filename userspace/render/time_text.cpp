// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/time_text.h"

#include <array>
#include <chrono>

namespace closewatch {
namespace {

void put_digits(char* text, unsigned value, unsigned width) {
  for (unsigned index = width; index > 0; --index) {
    text[index - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

void put_time_of_day(char* text, unsigned seconds) {  // "hh:mm:ss"
  put_digits(text, seconds / 3600, 2);
  text[2] = ':';
  put_digits(text + 3, seconds / 60 % 60, 2);
  text[5] = ':';
  put_digits(text + 6, seconds % 60, 2);
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
  std::array<char, 30> text;
  put_digits(text.data(), static_cast<unsigned>(static_cast<int>(date.year())), 4);
  text[4] = '-';
  put_digits(text.data() + 5, static_cast<unsigned>(date.month()), 2);
  text[7] = '-';
  put_digits(text.data() + 8, static_cast<unsigned>(date.day()), 2);
  text[10] = 'T';
  put_time_of_day(text.data() + 11, moment.second);
  std::size_t length = 19;
  if (digits > 0) {
    text[19] = '.';
    put_digits(text.data() + 20, moment.nanosecond, 9);
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
