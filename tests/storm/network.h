// SPDX-License-Identifier: Apache-2.0
// A network namespace of one's own, with nothing in it but the loopback interface: what is counted
// there is the traffic of the test and nobody else's. Needs root.
#pragma once

#include <cstdint>
#include <string>

namespace closewatch::storm {

// Moves the calling process (of one thread) into a fresh namespace. What it forks goes with it.
void enter_new_network();

// Inode number of the calling process's namespace, as records carry it.
std::uint32_t network_inode();

// Waits until no TCP socket but `listeners` is left in the calling process's namespace; those in
// TIME_WAIT do not count. From then on every connection there has ended.
void await_closed(unsigned listeners);

// Packets of the calling process's namespace come by an interrupt of one of two CPUs, in the middle
// of what runs there, as those of a network card do (Documentation/networking/scaling.rst, RPS).
// Else loopback hands them over within send().
void receive_by_interrupts();

// Writes /proc/sys/net/ipv4/<name>.
void set_sysctl(const std::string& name, const std::string& value);

}  // namespace closewatch::storm
