// SPDX-License-Identifier: Apache-2.0
#include <netinet/tcp.h>

#include "userspace/demo/catalogue.h"
#include "userspace/demo/recipe.h"

namespace closewatch::demo {
namespace {

void linger_expired(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(1);
  connection.close();
  drain(connection, 5000);
  peer_follows(connection);
}

void retransmission(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.await_end();
}

void fin_unacked(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.close();
  connection.await_end();
}

void zero_window(Stage& stage) {
  Connection& connection = stage.connect(0);
  connection.write(4000);
  connection.await_queues({.never_sent = 4000});
  connection.close();
  connection.await_end();
}

void keepalive(Stage& stage) {
  Connection& connection = stage.connect();
  connection.set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
  connection.set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  connection.set(IPPROTO_TCP, TCP_KEEPCNT, 2);
  connection.await_queues({});
  connection.set(SOL_SOCKET, SO_KEEPALIVE, 1);
  connection.await_end();
  connection.close();
}

void user_timeout(Stage& stage) {
  Connection& connection = stage.connect(kNarrowWindow);
  connection.set(IPPROTO_TCP, TCP_USER_TIMEOUT, 700);
  get_stuck(connection);
  connection.await_end();
  connection.close();
}

}  // namespace

std::vector<Situation> timed_out_situations() {
  return {
      {.name = "timed_out/linger_expired",
       .about = "close() waits for SO_LINGER in vain; afterwards the kernel delivers after all.",
       .run = linger_expired,
       .usual = {{{.cls = "timed_out",
                   .reason = "linger_expired",
                   .linger_seconds = 1,
                   .linger = "expired"}},
                 {}}},
      {.name = "timed_out/retransmission",
       .about = "The peer falls silent; after close() the kernel retransmits until it gives up.",
       .run = retransmission,
       .usual = {{{.cls = "timed_out",
                   .reason = "retransmission",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .initiator = "kernel",
                   .final_state = "FIN_WAIT1",
                   .error = "ETIMEDOUT"}},
                 {{"TCPAbortOnTimeout", 1}}},
       .sysctls = {{"tcp_orphan_retries", "2"}}},
      {.name = "timed_out/fin_unacked",
       .about = "All data was acknowledged, but the peer never acknowledges the FIN.",
       .run = fin_unacked,
       .usual = {{{.cls = "timed_out",
                   .reason = "fin_unacked",
                   .initiator = "kernel",
                   .final_state = "FIN_WAIT1",
                   .error = "ETIMEDOUT"}},
                 {{"TCPAbortOnTimeout", 1}}},
       .sysctls = {{"tcp_orphan_retries", "2"}}},
      {.name = "timed_out/zero_window",
       .about = "The peer's window never opens, so nothing can be sent before the kernel gives up.",
       .run = zero_window,
       .usual = {{{.cls = "timed_out",
                   .reason = "zero_window",
                   .never_sent = 4000,
                   .initiator = "kernel",
                   .final_state = "FIN_WAIT1",
                   .error = "ETIMEDOUT"}},
                 {{"TCPAbortOnTimeout", 1}}},
       .sysctls = {{"tcp_orphan_retries", "2"}}},
      {.name = "timed_out/keepalive",
       .about = "The application waits, and the peer answers none of the keepalive probes.",
       .run = keepalive,
       .usual = {{{.cls = "timed_out",
                   .reason = "keepalive",
                   .initiator = "kernel",
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .rst_sent = true,
                   .error = "ETIMEDOUT"}},
                 {{"TCPAbortOnTimeout", 1}, {"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "timed_out/user_timeout",
       .about = "Data stays unacknowledged for longer than TCP_USER_TIMEOUT allows.",
       .run = user_timeout,
       .usual = {{{.cls = "timed_out",
                   .reason = "user_timeout",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .initiator = "kernel",
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .error = "ETIMEDOUT"}},
                 {{"TCPAbortOnTimeout", 1}, {"EstabResets", 1}}}},
  };
}

}  // namespace closewatch::demo
