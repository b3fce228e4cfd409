// SPDX-License-Identifier: Apache-2.0
// SOCK_DESTROY through sock_diag netlink: what `ss -K` does, without ss.
#pragma once

#include "userspace/demo/connection.h"

namespace closewatch::demo {

// `killer` asks the kernel to destroy the socket of `connection`; returns the errno value that the
// kernel answered, 0 for success. Skips where the kernel cannot (CONFIG_INET_DIAG_DESTROY).
int try_destroy_socket(Actor& killer, Connection& connection);
// The same, and it must succeed.
void destroy_socket(Actor& killer, Connection& connection);

}  // namespace closewatch::demo
