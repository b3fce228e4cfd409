// SPDX-License-Identifier: Apache-2.0
// Makes a fresh network namespace fit to play in: loopback up with the kernel's address of each
// family on it and a local route to the peer's, no protection against spoofed sources, and the
// timers short. Needs CAP_NET_ADMIN there, and nothing installed: netlink and /proc/sys only. Acts
// on the namespace of the calling thread.
#pragma once

#include <string_view>

#include "userspace/base/result.h"
#include "userspace/demo/family.h"

namespace closewatch::demo {

Result<> bring_up_network();

// Gives the kernel End::second too, of the family on the wire.
Result<> add_second_address(Family family);

// In between the kernel finds no way to the peer; what comes from there arrives as before.
Result<> remove_route_to_peer(Family family);
Result<> restore_route_to_peer(Family family);

// Writes /proc/sys/net/ipv4/<name>. The error says that the kernel has no such knob, or why not.
Result<> set_sysctl(std::string_view name, std::string_view value);

}  // namespace closewatch::demo
