// SPDX-License-Identifier: Apache-2.0
// What the kernel says of the subflows below an MPTCP socket (MPTCP_SUBFLOW_ADDRS, MPTCP_TCPINFO:
// since 5.16). To be used inside the actor that has the socket.
#pragma once

#include <array>
#include <cstdint>

namespace closewatch::scenarios {

inline constexpr std::size_t kSubflows = 2;

struct Subflow {
  std::uint16_t local_port = 0;
  std::uint16_t peer_port = 0;
  std::uint32_t written = 0;   // bytes, those that wait to be sent included
  std::uint32_t received = 0;  // bytes, in order
  std::uint32_t unacked = 0;   // segments
};

struct Subflows {
  std::uint32_t count = 0;
  std::array<Subflow, kSubflows> each;  // the first subflow first
};

Subflows subflows_of(int fd);

}  // namespace closewatch::scenarios
