// SPDX-License-Identifier: Apache-2.0
// The log of the daemon: one line a message on standard error, where the journal reads it with the
// priority in front (sd-daemon(3)). Any thread may write, and none ever waits for who reads: what
// does not fit is counted, and told once lines fit again.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

  // Lines so far; of them, those that are missing, wholly or their end.
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

  void error(std::string_view text) const { write(LogLevel::error, text); }
  void warning(std::string_view text) const { write(LogLevel::warning, text); }
  void notice(std::string_view text) const { write(LogLevel::notice, text); }
  void info(std::string_view text) const { write(LogLevel::info, text); }

 private:
  // The whole of it, or false.
  [[nodiscard]] bool put(LogLevel level, std::string_view text) const;

  LogLevel level_;
  bool priorities_;
  int fd_;
  mutable std::atomic<std::uint64_t> lines_ = 0;
  mutable std::atomic<std::uint64_t> lost_ = 0;
  mutable std::atomic<std::uint64_t> untold_ = 0;  // of those, since that was last told
};

// An account, line by line; what was LOST is a warning.
void log_account(const Log& log, const std::vector<std::string>& lines);

}  // namespace closewatch
