// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include "userspace/render/escape.h"
#include "userspace/render/output.h"

namespace closewatch {

void hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) {
      // The lowest free number is `fd`. Open for the other direction: every use is an error.
      static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
  }
}

Result<> print_out(std::string_view text) {
  Output output(STDOUT_FILENO);
  append(output.buffer(), text);
  output.flush();
  return output.error() ? Result<>(*output.error()) : Result<>();
}

void print_notice(std::string_view text) {
  Output output(STDERR_FILENO);
  append(output.buffer(), text);
  output.flush();
}

void print_message(std::string_view begin, std::string_view message) {
  TextBuffer line;
  append(line, begin);
  append_message(line, message);
  line.push_back('\n');
  print_notice(view_of(line));
}

}  // namespace closewatch
