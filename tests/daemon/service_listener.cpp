// SPDX-License-Identifier: Apache-2.0
#include "tests/daemon/service_listener.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "tests/storm/await.h"
#include "tests/storm/must.h"

namespace closewatch::daemon_test {

using storm::must;

Manager::Manager(std::string name) : name_(std::move(name)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name_.data(), name_.size());
  socket_.reset(must(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  must(::chmod(name_.c_str(), 0666), "chmod");
}

std::string Manager::await(const std::string& line) {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + storm::kPatience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
    pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 ||
        must(::poll(&readable, 1, static_cast<int>(left.count())), "poll") == 0) {
      errno = ETIMEDOUT;
      storm::give_up(("waiting for " + line).c_str());
    }
    std::string message(4096, '\0');
    message.resize(static_cast<std::size_t>(
        must(::recv(socket_.get(), message.data(), message.size(), 0), "recv")));
    heard_.push_back(message);
    if (("\n" + message + "\n").find("\n" + line + "\n") != std::string::npos) {
      return message;
    }
  }
}

}  // namespace closewatch::daemon_test
