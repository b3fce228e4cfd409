// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/output.h"

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
  if (!usable()) {
    return 0;
  }
  const auto [taken, error] = writer_.write(buffer_.data(), buffer_.size());
  if (error != 0) {
    give_up(error);
  }
  return taken;
}

void Output::give_up(int error) {
  if (error == EPIPE || error == ECONNRESET) {
    closed_ = true;
    return;
  }
  error_ = Error{"cannot write the output: " + write_error_text(error),
                 error == ENOSPC ? "make room on that file system, or write elsewhere" : "",
                 ExitCode::failure};
}

}  // namespace closewatch
