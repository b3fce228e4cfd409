// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/halt.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>

namespace closewatch::alert {

Result<Halt> Halt::create() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) {
    return Error{.what = "cannot deliver alerts: no file descriptor is left",
                 .hint = "raise the limit of open files (ulimit -n)"};
  }
  return Halt(std::move(fd));
}

void Halt::raise() const { ::eventfd_write(fd_.get(), 1); }

bool Halt::raised() const { return !sleep(std::chrono::milliseconds(0)); }

bool Halt::sleep(std::chrono::milliseconds time) const {
  return wait(-1, 0, time) != Woken::halted;
}

Halt::Woken Halt::wait(int fd, short events, std::chrono::milliseconds time) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + time;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    std::array<pollfd, 2> polled{{{fd_.get(), POLLIN, 0}, {fd, events, 0}}};
    const int ready =
        ::poll(polled.data(), polled.size(), static_cast<int>(std::max<std::int64_t>(0, left)));
    if (polled[0].revents != 0) {
      return Woken::halted;
    }
    if (ready > 0) {
      return Woken::ready;
    }
    if (left <= 0) {
      return Woken::late;
    }
  }
}

}  // namespace closewatch::alert
