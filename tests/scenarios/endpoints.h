// SPDX-License-Identifier: Apache-2.0
// What `ip mptcp` does: tells the kernel's path manager (net/mptcp/pm_netlink.c) which addresses
// MPTCP may use besides those of the first subflow. Acts on the namespace of the calling thread;
// gives up where that fails.
#pragma once

#include "userspace/demo/family.h"

namespace closewatch::scenarios {

// Every MPTCP connection of the namespace may have one subflow more.
void allow_second_subflow();

// A client connects from this address too (MPTCP_PM_ADDR_FLAG_SUBFLOW).
void connect_also_from(demo::Family family, demo::End end);

}  // namespace closewatch::scenarios
