// SPDX-License-Identifier: Apache-2.0
// What `ip mptcp` does: tells the kernel's path manager (net/mptcp/pm_netlink.c) which addresses
// MPTCP may use besides those of the first subflow. Acts on the namespace of the calling thread;
// gives up where that fails.
#pragma once

#include "userspace/demo/family.h"

namespace closewatch::scenarios {

// Every MPTCP connection of the namespace may have one subflow more.
void allow_second_subflow();

enum class Announce : std::uint8_t {
  no,   // a client connects from the address too (MPTCP_PM_ADDR_FLAG_SUBFLOW)
  yes,  // the peer is told of the address, and connects to it (MPTCP_PM_ADDR_FLAG_SIGNAL)
};
// The namespace has one endpoint at most.
void add_endpoint(demo::Family family, demo::End end, Announce announce);
void remove_endpoint();

}  // namespace closewatch::scenarios
