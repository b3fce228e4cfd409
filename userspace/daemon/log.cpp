// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/log.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

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
  TextBuffer line;
  if (priorities_) {
    append(line, "<");
    line.push_back(priority_of(level));
    append(line, ">");
  }
  append(line, "closewatch: ");
  append_terminal_text(line, text, Charset::utf8);
  append(line, "\n");
  // A log that cannot be written has nobody to be told to.
  [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());
}

}  // namespace closewatch
