// SPDX-License-Identifier: Apache-2.0
// The standard streams of a program that runs for weeks: they may be closed when it starts, and
// fail while it runs.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

#include "userspace/base/result.h"

namespace closewatch {

// Before any file is opened: a standard stream that is closed is taken by one that fails, so that
// no file of ours gets its number and what was meant for the stream.
void hold_standard_streams();

// To stdout; the error of a write that failed. A reader that went away is none.
Result<> print_out(std::string_view text);

// To stderr. That nobody can read it is no reason to end.
void print_notice(std::string_view text);

// `begin` and a message as append_message() shows it, on a line to stderr.
void print_message(std::string_view begin, std::string_view message);

template <typename... Arguments>
void notice(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  print_notice(fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace closewatch
