// SPDX-License-Identifier: Apache-2.0
// The kernel's table of TCP sockets in the calling thread's namespace (/proc/net/tcp, tcp6): the
// state of a connection whose owner is busy or gone. States have the kernel's numbers
// (include/net/tcp_states.h); a timewait mini-socket is told apart from a full socket.
#pragma once

#include <cstdint>
#include <optional>

#include "userspace/demo/family.h"

namespace closewatch::demo {

struct TableEntry {
  int state = 0;              // TCP_ESTABLISHED...; of a mini-socket its substate
  bool mini = false;          // timewait mini-socket
  std::uint32_t unacked = 0;  // write_seq - snd_una: SYN and FIN count
  std::uint32_t unread = 0;
  std::uint32_t inode = 0;  // 0: no struct socket
};

// The socket of `family` with these ports; nullopt: there is none.
std::optional<TableEntry> find_socket(Family family, std::uint16_t local_port,
                                      std::uint16_t peer_port);

// The sockets of either family that are connections, not listening.
struct Census {
  std::uint32_t full = 0;
  std::uint32_t timewait = 0;  // mini-sockets
};
Census count_connections();

}  // namespace closewatch::demo
