// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/write_now.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <mutex>

namespace closewatch {

ssize_t write_now(int fd, std::string_view bytes) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&writable, 1, 0) != 1) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
}

}  // namespace closewatch
