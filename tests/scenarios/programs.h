// SPDX-License-Identifier: Apache-2.0
// What BPF does to sockets when somebody other than closewatch uses it: small programs, assembled
// by hand. To be used inside an actor; acts on its network namespace. 0, or -errno from the kernel.
#pragma once

#include <cstdint>

namespace closewatch::scenarios {

// Destroys the connection with these ports, by bpf_sock_destroy() in an iterator over the TCP
// sockets (net/core/filter.c, 6.5 and later). -ENOENT: this kernel has no such function.
int destroy_by_program(std::uint16_t local_port, std::uint16_t peer_port);

enum class Verdict : std::uint8_t {
  none,  // data goes the usual way
  pass,  // a program takes what arrives into the socket's own queue in the map (SK_PASS)
};

// Puts the connected socket `fd` into a sockmap, which lives as long as the calling process.
int join_sockmap(int fd, Verdict verdict);

}  // namespace closewatch::scenarios
