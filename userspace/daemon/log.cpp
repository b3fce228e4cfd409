// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/log.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "userspace/base/write_now.h"
#include "userspace/render/escape.h"

namespace closewatch {
namespace {

// As syslog(3) numbers them.
char priority_of(LogLevel level) { return static_cast<char>('3' + static_cast<char>(level)); }

bool is_journal(int fd, const char* journal_stream) {
  struct stat status {};
  return journal_stream != nullptr && ::fstat(fd, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == journal_stream;
}

}  // namespace

Log::Log(LogSettings settings, int fd, const char* journal_stream)
    : level_(settings.level),
      priorities_(settings.form == LogForm::journal ||
                  (settings.form == LogForm::automatic && is_journal(fd, journal_stream))),
      fd_(fd) {}

void Log::write(LogLevel level, std::string_view text) const {
  if (level > level_) {
    return;
  }
  ++lines_;
  if (const std::uint64_t untold = untold_.exchange(0); untold > 0) {
    if (!put(LogLevel::warning, fmt::format("LOST {} lines of this log: nobody read it", untold))) {
      untold_ += untold;
    }
  }
  if (untold_ > 0 || !put(level, text)) {
    ++lost_;
    ++untold_;
  }
}

bool Log::put(LogLevel level, std::string_view text) const {
  TextBuffer line;
  if (priorities_) {
    append(line, "<");
    line.push_back(priority_of(level));
    append(line, ">");
  }
  append(line, "closewatch: ");
  append_terminal_text(line, text, Charset::utf8);
  append(line, "\n");
  std::string_view left = view_of(line);
  while (!left.empty()) {
    const ssize_t written = write_now(fd_, left);
    if (written < 0 && errno != EINTR) {
      return false;
    }
    left.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
  return true;
}

void log_account(const Log& log, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    log.write(line.starts_with("LOST") ? LogLevel::warning : LogLevel::info, line);
  }
}

}  // namespace closewatch
