// SPDX-License-Identifier: Apache-2.0
// Steps that many scripts share. The numbers are those of kernel.md section 6: "5000 into a window
// of 1000" leaves 1000 bytes in flight and 4000 that were never sent.
#pragma once

#include <vector>

#include "userspace/demo/stage.h"

namespace closewatch::demo {

inline constexpr std::uint16_t kNarrowWindow = 1000;
inline constexpr Queues kStuck{.never_sent = 4000, .unacked = 1000};

// The owner wrote 5000 bytes into the peer's window of 1000.
void get_stuck(Connection& connection);
// The owner wrote `bytes`, and the peer acknowledged them.
void exchange(Connection& connection, std::uint32_t bytes);
// The owner wrote `bytes` that leave with the FIN of the close or shutdown that follows. Sent
// before it they could keep it back: once a time-out (0.2 s, which a busy guest takes) has cut the
// congestion window to one segment, the FIN waits for their acknowledgement (seen on 6.12
// and 6.18; 5.10 lets it go).
void write_for_fin(Connection& connection, std::uint32_t bytes);
// connect() and get_stuck().
Connection& connect_stuck(Stage& stage);
// The peer's window opens, and it takes everything there is, the FIN included.
void drain(Connection& connection, std::uint32_t total);
// The peer acknowledges the FIN of a connection that the owner has closed, then closes as well.
void end_orderly(Connection& connection);
// The peer closes a connection that the owner has closed, and the kernel acknowledges that.
void peer_follows(Connection& connection);

// More orphans than tcp_max_orphans 0 allows by any count of the kernel's: what it compares is up
// to 100 ms old, or, on 5.10, per CPU up to 32 too low, so they are made by one CPU.
inline constexpr std::uint32_t kCrowd = 70;
// They wait in FIN_WAIT2, where nothing is retransmitted and the kernel does not look at the limit:
// needs a tcp_fin_timeout above 60 s. The owner stays on that CPU.
std::vector<Connection*> crowd_of_orphans(Stage& stage);

}  // namespace closewatch::demo
