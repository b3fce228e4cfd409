// SPDX-License-Identifier: Apache-2.0
// What becomes of connections that nobody owns any more when the machine, or their network
// namespace, has no place for them (kernel.md C9, B16).
#include <array>

#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

constexpr std::uint32_t kHeavy = 3'000'000;  // bytes

// Orphans already when the limit is lowered: the kernel finds it at their next retransmission or
// window probe (tcp_out_of_resources(), tcp_timer.c).
void limit_at_timer(Stage& stage) {
  const std::vector<Connection*> orphans = crowd_of_orphans(stage);
  Connection& sending = connect_stuck(stage);
  Connection& probing = stage.connect(0);
  probing.write(4000);
  probing.await_queues({.never_sent = 4000});
  Connection& answering = connect_stuck(stage);
  answering.peer().fin();
  answering.await_state(TCP_CLOSE_WAIT);
  const std::array late{&sending, &probing, &answering};
  for (Connection* connection : late) {
    connection->close();
    connection->await_orphan();
  }
  stage.lower_host_limit("0");
  for (Connection* connection : late) {
    connection->peer().await_rst();
    connection->await_end();
  }
  stage.restore_host_limit();
  for (Connection* orphan : orphans) {
    peer_follows(*orphan);
  }
}

// All the memory that TCP may have is taken (tcp_out_of_memory(), net/ipv4/tcp.c): found at the
// next retransmission of one that is an orphan, and at the close() of another. The kernel keeps up
// to a megabyte of its account on each CPU, so each queues more than that.
void memory_limit(Stage& stage) {
  const auto connect_heavy = [&stage]() -> Connection& {
    Connection& connection = stage.connect(kNarrowWindow);
    connection.set(SOL_SOCKET, SO_SNDBUFFORCE, 4 * kHeavy);
    connection.write(kHeavy);
    connection.await_queues({.never_sent = kHeavy - kNarrowWindow, .unacked = kNarrowWindow});
    return connection;
  };
  Connection& orphan = connect_heavy();
  Connection& closing = connect_heavy();
  orphan.close();
  orphan.await_orphan();
  stage.lower_host_limit("0 0 0");
  closing.close();
  closing.peer().await_rst();
  closing.await_end();
  orphan.peer().await_rst();
  orphan.await_end();
  stage.restore_host_limit();
}

// The last process and the last descriptor of the namespace are gone. The connection lives on, and
// the namespace with it, until its next retransmission meets nobody at the peer's address.
void namespace_left(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.owner().start([] { ::_exit(0); });
  connection.owner().await_exit();
  connection.await_orphan();
}

std::vector<Expected> without_memory() {
  const Expected orphan{.cls = "abortive",
                        .reason = "orphan_limit",
                        .never_sent = kHeavy - kNarrowWindow,
                        .unacked = kNarrowWindow,
                        .initiator = "kernel",
                        .final_state = "FIN_WAIT1",
                        .rst_sent = true};
  Expected closing = orphan;
  closing.connection = 1;
  return {orphan, closing};
}

std::vector<Expected> limited() {
  Expected sending{.cls = "abortive",
                   .reason = "orphan_limit",
                   .connection = kCrowd,
                   .never_sent = 4000,
                   .unacked = 1000,
                   .initiator = "kernel",
                   .final_state = "FIN_WAIT1",
                   .rst_sent = true};
  Expected probing = sending;
  probing.connection = kCrowd + 1;
  probing.unacked = 0;
  Expected answering = sending;
  answering.connection = kCrowd + 2;
  answering.state_at_close = "CLOSE_WAIT";
  answering.final_state = "LAST_ACK";
  std::vector<Expected> closures{sending, probing, answering};
  for (std::uint32_t i = 0; i < kCrowd; ++i) {
    closures.push_back({.cls = "graceful", .reason = "local_first", .connection = i});
  }
  return closures;
}

}  // namespace

std::vector<Situation> orphan_situations() {
  return {
      {.name = "abortive/orphan_limit/at_timer",
       .about = "Too many orphans: found when one retransmits, probes a window, is in LAST_ACK.",
       .run = limit_at_timer,
       .usual = {limited(), {{"TCPAbortOnMemory", 3}, {"OutRsts", 3}}},
       .sysctls = {{"tcp_fin_timeout", "120"}},
       .host_limit = "tcp_max_orphans"},
      {.name = "abortive/orphan_limit/memory",
       .about = "TCP may have no more memory: found at a retransmission, and at a close().",
       .run = memory_limit,
       .usual = {without_memory(), {{"TCPAbortOnMemory", 2}, {"OutRsts", 2}}},
       .host_limit = "tcp_mem",
       .own_machine = true},
      {.name = "abortive/reset_by_peer/namespace_left",
       .about = "The connection is all that is left of its network namespace when it is reset.",
       .run = namespace_left,
       .usual = {{{.cls = "abortive",
                   .reason = "reset_by_peer",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .initiator = "peer",
                   .closed_by = "exit",
                   .final_state = "FIN_WAIT1",
                   .rst_received = true,
                   .error = "ECONNRESET"}},
                 {}},
       .leaves_orphan = true},
  };
}

}  // namespace closewatch::scenarios
