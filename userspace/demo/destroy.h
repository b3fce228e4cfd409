// SPDX-License-Identifier: Apache-2.0
// SOCK_DESTROY through sock_diag netlink: what `ss -K` does, without ss.
#pragma once

#include "userspace/demo/connection.h"

namespace closewatch::demo {

// `killer` asks the kernel to destroy the socket of `connection`; returns the errno value that the
// kernel answered, 0 for success. Skips where the kernel cannot (CONFIG_INET_DIAG_DESTROY).
int try_destroy_socket(Actor& killer, Connection& connection);
// The same, of the socket with these ports; 0 for the peer's port of a listener.
int try_destroy_socket(Actor& killer, Family family, std::uint16_t local_port,
                       std::uint16_t peer_port);
// The first, and it must succeed.
void destroy_socket(Actor& killer, Connection& connection);

}  // namespace closewatch::demo
