// SPDX-License-Identifier: Apache-2.0
// A client of the metrics server that sends whatever bytes a test wants it to. It waits for the
// other side, at most ten seconds.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <string_view>

#include "userspace/base/unique_fd.h"

namespace closewatch {

class HttpClient {
 public:
  // To 127.0.0.1 from 127.0.0.`last`.
  static HttpClient tcp(std::uint16_t port, std::uint8_t last = 1) {
    HttpClient client{AF_INET};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000000U + last);
    EXPECT_EQ(::bind(client.fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::connect(client.fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
              0);
    return client;
  }
  static HttpClient unix_socket(const std::string& path) {
    HttpClient client{AF_UNIX};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(client.fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
              0);
    return client;
  }

  // False when the other side has closed.
  [[nodiscard]] bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // All that comes until the other side closes (or resets).
  [[nodiscard]] std::string rest() const {
    std::string bytes;
    char buffer[16384];
    for (;;) {
      const auto got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (got <= 0) {
        EXPECT_FALSE(got < 0 && errno == EAGAIN) << "the server neither answers nor closes";
        return bytes;
      }
      bytes.append(buffer, static_cast<std::size_t>(got));
    }
  }

  [[nodiscard]] std::string ask(std::string_view request) const {
    static_cast<void>(send(request));
    return rest();
  }

 private:
  explicit HttpClient(int family) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }

  UniqueFd fd_;
};

inline std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

}  // namespace closewatch
