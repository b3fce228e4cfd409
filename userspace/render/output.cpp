// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/output.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace closewatch {
namespace {

constexpr std::size_t kFull = 65'536;

}  // namespace

void Output::end_line() {
  buffer_.push_back('\n');
  ++waiting_;
  if (buffer_.size() >= kFull) {
    flush();
  }
}

void Output::flush() {
  const std::size_t taken = write_out();
  const std::string_view left = view_of(buffer_, taken);
  const auto lines_left = static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n'));
  written_ += waiting_ - lines_left;
  dropped_ += lines_left;
  waiting_ = 0;
  buffer_.clear();
}

std::size_t Output::write_out() {
  std::size_t taken = 0;
  while (usable() && taken < buffer_.size()) {
    const ssize_t count = ::write(fd_, buffer_.data() + taken, buffer_.size() - taken);
    if (count > 0) {
      taken += static_cast<std::size_t>(count);
    } else if (count < 0 && errno == EAGAIN) {
      pollfd writable{fd_, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (count == 0 || errno != EINTR) {
      give_up(count == 0 ? EIO : errno);
    }
  }
  return taken;
}

void Output::give_up(int error_number) {
  if (error_number == EPIPE || error_number == ECONNRESET) {
    closed_ = true;
    return;
  }
  const char* text = ::strerrordesc_np(error_number);
  error_ =
      Error{fmt::format("cannot write the output: {}", text != nullptr ? text : "unknown error"),
            error_number == ENOSPC ? "make room on that file system, or write elsewhere" : "",
            ExitCode::failure};
}

}  // namespace closewatch
