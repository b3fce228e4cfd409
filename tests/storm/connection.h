// SPDX-License-Identifier: Apache-2.0
// TCP connections over loopback with both ends in hand. To whom a connection goes is a matter of
// choice (all of 127.0.0.0/8 is local), so an address can name a connection.
#pragma once

#include <cstddef>
#include <cstdint>

#include "userspace/base/unique_fd.h"

namespace closewatch::storm {

inline constexpr std::uint32_t kLoopback = 0x7f000001;  // 127.0.0.1, host order

struct Connection {
  UniqueFd client;
  UniqueFd server;
};

// Listens on every address of the calling process's namespace.
class Listener {
 public:
  explicit Listener(std::uint16_t port = 0);  // 0: of the kernel's choice

  [[nodiscard]] std::uint16_t port() const { return port_; }

  // Both ends of a new connection to `address` (host order). `from`: the client's port, 0 any.
  [[nodiscard]] Connection connect(std::uint32_t address = kLoopback, std::uint16_t from = 0) const;
  // The two halves of that, for a client socket that exists.
  void reach(int client, std::uint32_t address) const;
  [[nodiscard]] UniqueFd accept() const;

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

// A TCP socket that is bound to `port` unless it is 0.
UniqueFd open_socket(std::uint16_t port = 0);
std::uint16_t local_port(int fd);
// connect(AF_UNSPEC): ends the connection and keeps the socket.
void disconnect(int fd);

// Hands over `count` bytes to the kernel. `more`: it is to hold them back (MSG_MORE).
void give(int fd, std::size_t count, bool more = false);
// Bytes in a queue of the socket, by the ioctl that asks for it: SIOCOUTQ, SIOCOUTQNSD, FIONREAD.
int queued(int fd, unsigned long request);
// Reads exactly `count` bytes.
void take(int fd, std::size_t count);
// Waits until `count` bytes can be read, and leaves them.
void await_readable(int fd, std::size_t count);
// Reads until the peer's FIN.
void take_all(int fd);
// Waits for the peer's reset, with nothing to read before it.
void await_reset(int fd);
void set_linger_zero(int fd);
// From now on TCP gets nothing of what arrives for the socket.
void drop_arriving(int fd);

}  // namespace closewatch::storm
