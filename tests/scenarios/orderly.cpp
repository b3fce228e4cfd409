// SPDX-License-Identifier: Apache-2.0
// Ends that lose nothing: the ways in which FINs can follow each other (kernel.md A1-A5, B10, B11,
// C1, C3, C11).
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void unsent_at_close(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  drain(connection, 5000);
  peer_follows(connection);
}

void shutdown_first(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  connection.close();
  peer_follows(connection);
}

void closed_before_fin_acked(Stage& stage) {
  Connection& connection = stage.connect();
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.close();
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().ack_all();
  peer_follows(connection);
}

// Both FINs are through while the application still holds the descriptor.
void shutdown_both(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.shutdown(SHUT_RDWR);
  end_orderly(connection);
  connection.close();
}

void shutdown_read(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.shutdown(SHUT_RD);
  connection.close();
  end_orderly(connection);
}

void fin_with_ack(Stage& stage) {
  Connection& connection = stage.connect();
  connection.close();
  connection.peer().await_fin();
  connection.peer().take_all();
  peer_follows(connection);
}

void long_fin_timeout(Stage& stage) {
  Connection& connection = stage.connect();
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  peer_follows(connection);
}

void blind_reset(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().rst_blind();
  connection.peer().await_segments(1);
  connection.await_state(TCP_ESTABLISHED);
  connection.close();
  end_orderly(connection);
}

void accepted(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.accept(owner, listener);
  exchange(connection, 500);
  connection.close();
  end_orderly(connection);
}

// A new connection on the very ports of one that is in TIME_WAIT.
void same_ports_again(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& first = stage.accept(owner, listener);
  exchange(first, 500);
  first.close();
  end_orderly(first);
  Connection& second = stage.come_back(first);
  stage.accept(second, listener);
  exchange(second, 700);
  second.close();
  end_orderly(second);
}

void read_all(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.read(300);
  connection.await_queues({});
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_gone();
}

void unsent_in_close_wait(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.close();
  drain(connection, 5000);
  connection.await_gone();
}

void last_ack_owned(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_gone();
  connection.close();
}

// close() finds the connection where shutdown() has brought it: LAST_ACK.
void closed_in_last_ack(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.await_state(TCP_LAST_ACK);
  connection.close();
  connection.peer().ack_all();
  connection.await_gone();
}

void simultaneous_owned(Stage& stage) {
  Connection& connection = stage.connect();
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().fin();
  connection.await_state(TCP_CLOSING);
  connection.peer().ack_all();
  connection.await_end();
  connection.close();
}

void closed_in_closing(Stage& stage) {
  Connection& connection = stage.connect();
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().fin();
  connection.await_state(TCP_CLOSING);
  connection.close();
  connection.peer().ack_all();
  connection.await_end();
}

}  // namespace

std::vector<Situation> orderly_situations() {
  const Variant local{{{.cls = "graceful", .reason = "local_first"}}, {}};
  return {
      {.name = "graceful/local_first/unsent_at_close",
       .about = "close() with 4000 bytes not sent yet; the kernel delivers them afterwards.",
       .run = unsent_at_close,
       .usual = local},
      {.name = "graceful/local_first/shutdown_first",
       .about = "shutdown(SHUT_WR), the FIN is acknowledged, then close().",
       .run = shutdown_first,
       .usual = local},
      {.name = "graceful/local_first/closed_before_fin_acked",
       .about = "shutdown(SHUT_WR) and close() before the FIN is acknowledged.",
       .run = closed_before_fin_acked,
       .usual = local},
      {.name = "graceful/local_first/shutdown_both",
       .about = "shutdown(SHUT_RDWR); the connection ends while the descriptor is open.",
       .run = shutdown_both,
       .usual = {{{.cls = "graceful", .reason = "local_first", .closed_by = "shutdown"}}, {}}},
      {.name = "graceful/local_first/shutdown_read",
       .about = "shutdown(SHUT_RD) does nothing on the wire; close() ends the connection.",
       .run = shutdown_read,
       .usual = local},
      {.name = "graceful/local_first/fin_with_ack",
       .about = "The peer's FIN comes in the segment that acknowledges ours.",
       .run = fin_with_ack,
       .usual = local},
      {.name = "graceful/local_first/long_fin_timeout",
       .about = "With a long tcp_fin_timeout the orphan waits in FIN_WAIT2 as a full socket.",
       .run = long_fin_timeout,
       .usual = local,
       .sysctls = {{"tcp_fin_timeout", "120"}}},
      {.name = "graceful/local_first/blind_reset",
       .about = "A reset that is not exactly in sequence is challenged and ends nothing.",
       .run = blind_reset,
       .usual = {{{.cls = "graceful", .reason = "local_first"}}, {{"TCPChallengeACK", 1}}}},
      {.name = "graceful/local_first/accepted",
       .about = "A connection that was accepted, closed by its owner.",
       .run = accepted,
       .usual = local},
      {.name = "graceful/local_first/syn_cookie",
       .about = "A connection whose handshake left no trace until the last acknowledgement.",
       .run = accepted,
       .usual = local,
       .sysctls = {{"tcp_syncookies", "2"}}},
      {.name = "graceful/local_first/same_ports_again",
       .about = "The peer connects anew from the same port while the first is in TIME_WAIT.",
       .run = same_ports_again,
       .usual = {{{.cls = "graceful", .reason = "local_first"},
                  {.cls = "graceful", .reason = "local_first", .connection = 1}},
                 {}}},
      {.name = "graceful/peer_first/read_all",
       .about = "The peer sends and closes; the application reads everything and closes.",
       .run = read_all,
       .usual = {{{.cls = "graceful",
                   .reason = "peer_first",
                   .initiator = "peer",
                   .state_at_close = "CLOSE_WAIT",
                   .final_state = "LAST_ACK"}},
                 {}}},
      {.name = "graceful/peer_first/unsent_at_close",
       .about = "After the peer's FIN, close() with data unsent; all of it is delivered.",
       .run = unsent_in_close_wait,
       .usual = {{{.cls = "graceful",
                   .reason = "peer_first",
                   .initiator = "peer",
                   .state_at_close = "CLOSE_WAIT",
                   .final_state = "LAST_ACK"}},
                 {}}},
      {.name = "graceful/peer_first/shutdown",
       .about = "After the peer's FIN, shutdown(SHUT_WR); it ends with the descriptor open.",
       .run = last_ack_owned,
       .usual = {{{.cls = "graceful",
                   .reason = "peer_first",
                   .initiator = "peer",
                   .closed_by = "shutdown",
                   .state_at_close = "CLOSE_WAIT",
                   .final_state = "LAST_ACK"}},
                 {}}},
      {.name = "graceful/peer_first/closed_in_last_ack",
       .about = "After the peer's FIN, shutdown(SHUT_WR) and close() before it is acknowledged.",
       .run = closed_in_last_ack,
       .usual = {{{.cls = "graceful",
                   .reason = "peer_first",
                   .initiator = "peer",
                   .state_at_close = "CLOSE_WAIT",
                   .final_state = "LAST_ACK"}},
                 {}}},
      {.name = "graceful/simultaneous/shutdown",
       .about = "The FINs cross after shutdown(SHUT_WR), and the descriptor is still open.",
       .run = simultaneous_owned,
       .usual = {{{.cls = "graceful",
                   .reason = "simultaneous",
                   .closed_by = "shutdown",
                   .final_state = "CLOSING"}},
                 {}}},
      {.name = "graceful/simultaneous/closed_in_closing",
       .about = "The FINs cross after shutdown(SHUT_WR); then the application closes.",
       .run = closed_in_closing,
       .usual = {{{.cls = "graceful", .reason = "simultaneous", .final_state = "CLOSING"}}, {}}},
  };
}

}  // namespace closewatch::scenarios
