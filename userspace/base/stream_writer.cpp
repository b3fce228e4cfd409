// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/stream_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

namespace closewatch {
namespace {

constexpr int kPatienceMs = 1000;

UniqueFd stop_fd;

}  // namespace

void StreamWriter::heed(UniqueFd stop) { stop_fd = std::move(stop); }

StreamWriter::StreamWriter(int fd) : fd_(fd) {
  struct stat status {};
  if (!stop_fd.valid() || ::fstat(fd, &status) != 0) {
    return;
  }
  is_socket_ = S_ISSOCK(status.st_mode);
  const bool writable = (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
  if (writable && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    own_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  }
}

StreamWriter::Outcome StreamWriter::write(const void* bytes, std::size_t size) const {
  Outcome outcome;
  while (outcome.taken < size && outcome.error == 0) {
    const auto* const from = static_cast<const std::byte*>(bytes) + outcome.taken;
    const std::size_t left = size - outcome.taken;
    const ssize_t count = is_socket_ ? ::send(fd_, from, left, MSG_DONTWAIT)
                                     : ::write(own_.valid() ? own_.get() : fd_, from, left);
    if (count > 0) {
      outcome.taken += static_cast<std::size_t>(count);
    } else if (count == 0) {
      outcome.error = EIO;
    } else if (errno == EAGAIN) {
      outcome.error = await_room() ? 0 : kStalled;
    } else if (errno != EINTR) {
      outcome.error = errno;
    }
  }
  return outcome;
}

bool StreamWriter::await_room() const {
  std::array<pollfd, 2> watched{{{.fd = fd_, .events = POLLOUT, .revents = 0},
                                 {.fd = stop_fd.get(), .events = POLLIN, .revents = 0}}};
  ::poll(watched.data(), watched.size(), -1);
  // An interrupted poll() leaves both 0: the write is tried again.
  if (watched[0].revents != 0 || watched[1].revents == 0) {
    return true;
  }
  return ::poll(watched.data(), 1, kPatienceMs) != 0;
}

std::string write_error_text(int error) {
  if (error == StreamWriter::kStalled) {
    return "its reader takes nothing";
  }
  const char* const text = ::strerrordesc_np(error);
  return text != nullptr ? text : "unknown error";
}

}  // namespace closewatch
