// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/connection.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "tests/storm/await.h"
#include "tests/storm/must.h"

namespace closewatch::storm {
namespace {

sockaddr_in address_in(std::uint32_t address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr.s_addr = htonl(address);
  return in;
}

const sockaddr* generic(const sockaddr_in& in) { return reinterpret_cast<const sockaddr*>(&in); }

constexpr std::array<char, 65536> kContent{};

}  // namespace

UniqueFd open_socket(std::uint16_t port) {
  UniqueFd fd(must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  if (port != 0) {
    const int on = 1;
    must(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    const sockaddr_in local = address_in(INADDR_ANY, port);
    must(::bind(fd.get(), generic(local), sizeof local), "bind");
  }
  return fd;
}

Listener::Listener(std::uint16_t port) : fd_(open_socket(port)) {
  must(::listen(fd_.get(), SOMAXCONN), "listen");
  port_ = local_port(fd_.get());
}

void Listener::reach(int client, std::uint32_t address) const {
  const sockaddr_in peer = address_in(address, port_);
  must(::connect(client, generic(peer), sizeof peer), "connect");
}

UniqueFd Listener::accept() const {
  return UniqueFd(must(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

Connection Listener::connect(std::uint32_t address, std::uint16_t from) const {
  Connection connection{.client = open_socket(from), .server = {}};
  reach(connection.client.get(), address);
  connection.server = accept();
  return connection;
}

std::uint16_t local_port(int fd) {
  sockaddr_in local{};
  socklen_t length = sizeof local;
  must(::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length), "getsockname");
  return ntohs(local.sin_port);
}

void disconnect(int fd) {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  must(::connect(fd, &none, sizeof none), "connect(AF_UNSPEC)");
}

void give(int fd, std::size_t count, bool more) {
  while (count > 0) {
    const std::size_t size = std::min(count, kContent.size());
    const ssize_t sent = ::send(fd, kContent.data(), size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    count -= static_cast<std::size_t>(must(sent, "send"));
  }
}

int queued(int fd, unsigned long request) {
  int bytes = 0;
  must(::ioctl(fd, request, &bytes), "asking a socket for its queues");
  return bytes;
}

void take(int fd, std::size_t count) {
  std::array<char, 4096> buffer;
  while (count > 0) {
    const std::size_t size = std::min(count, buffer.size());
    const ssize_t length = must(::recv(fd, buffer.data(), size, 0), "recv");
    if (length == 0) {
      errno = ECONNRESET;
      give_up("recv: the peer closed early");
    }
    count -= static_cast<std::size_t>(length);
  }
}

void await_readable(int fd, std::size_t count) {
  await("waiting for bytes to arrive",
        [fd, count] { return static_cast<std::size_t>(queued(fd, FIONREAD)) >= count; });
}

void take_all(int fd) {
  std::array<char, 65536> buffer;
  while (must(::recv(fd, buffer.data(), buffer.size(), 0), "recv") > 0) {
  }
}

void await_reset(int fd) {
  char byte = 0;
  if (::recv(fd, &byte, 1, 0) != -1 || errno != ECONNRESET) {
    give_up("waiting for a reset");
  }
}

void set_linger_zero(int fd) {
  const linger zero{.l_onoff = 1, .l_linger = 0};
  must(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &zero, sizeof zero), "SO_LINGER");
}

void drop_arriving(int fd) {
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &drop};
  must(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program),
       "SO_ATTACH_FILTER");
}

}  // namespace closewatch::storm
