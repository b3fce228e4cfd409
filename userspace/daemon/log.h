// SPDX-License-Identifier: Apache-2.0
// The log of the daemon: one line a message on standard error, where the journal reads it with
// the priority in front (sd-daemon(3)). Any thread may write; a line is one write(2).
#pragma once

#include <string_view>

#include "userspace/config/config.h"

namespace closewatch {

class Log {
 public:
  // `fd` stays the caller's and must outlive this. `journal_stream` is $JOURNAL_STREAM, which names
  // the device and inode of a standard error that the journal reads (systemd.exec(5)); nullptr: not
  // set.
  Log(LogSettings settings, int fd, const char* journal_stream);

  // Whether lines begin with their priority.
  [[nodiscard]] bool priorities() const { return priorities_; }

  // `text` may hold any bytes: what is not printable is escaped.
  void write(LogLevel level, std::string_view text) const;

  void error(std::string_view text) const { write(LogLevel::error, text); }
  void warning(std::string_view text) const { write(LogLevel::warning, text); }
  void notice(std::string_view text) const { write(LogLevel::notice, text); }
  void info(std::string_view text) const { write(LogLevel::info, text); }

 private:
  LogLevel level_;
  bool priorities_;
  int fd_;
};

}  // namespace closewatch
