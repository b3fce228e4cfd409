// SPDX-License-Identifier: Apache-2.0
// What happens to the mini-socket that a connection leaves behind: no state change tells of it
// (kernel.md 1.4, C2, C3).
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void to_fin_wait2(Connection& connection) {
  exchange(connection, 500);
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
}

void peer_never_closes(Stage& stage) {
  Connection& connection = stage.connect();
  to_fin_wait2(connection);
  connection.await_gone();
}

void peer_never_closes_long(Stage& stage) {
  Connection& connection = stage.connect();
  to_fin_wait2(connection);
  connection.await_state(TCP_FIN_WAIT2);
  connection.await_gone();
}

void data_in_fin_wait2(Stage& stage) {
  Connection& connection = stage.connect();
  to_fin_wait2(connection);
  connection.await_end();
  connection.peer().send(77);
  connection.peer().await_rst();
  connection.await_gone();
}

void reset_in_fin_wait2(Stage& stage) {
  Connection& connection = stage.connect();
  to_fin_wait2(connection);
  connection.await_end();
  connection.peer().rst();
  connection.await_gone();
}

void reset_in_time_wait(Stage& stage) {
  Connection& connection = stage.connect();
  to_fin_wait2(connection);
  peer_follows(connection);
  connection.peer().rst();
  connection.await_gone();
}

void destroyed_in_time_wait(Stage& stage) {
  Connection& connection = stage.connect();
  to_fin_wait2(connection);
  peer_follows(connection);
  Actor& killer = stage.actor("killer");
  const int error = try_destroy_socket(killer, connection);
  if (error != 0 && error != EOPNOTSUPP) {  // the latter on 5.10
    give_up("SOCK_DESTROY of a timewait socket: errno " + std::to_string(error));
  }
}

// With no bucket left the connection is forgotten at once, and the peer's FIN finds nothing.
void no_bucket(Stage& stage) {
  Connection& connection = stage.connect();
  to_fin_wait2(connection);
  connection.await_gone();
  connection.peer().fin();
  connection.peer().await_rst();
}

}  // namespace

std::vector<Situation> timewait_situations() {
  const Variant plain{{{.cls = "graceful", .reason = "local_first"}}, {}};
  const Variant never_closed{
      {{.cls = "graceful", .reason = "local_first", .full_flags = {"peer_never_closed"}}}, {}};
  return {
      {.name = "graceful/local_first/peer_never_closes",
       .about = "The peer acknowledges our FIN but never closes; the kernel forgets after a while.",
       .run = peer_never_closes,
       .usual = never_closed,
       .sysctls = {{"tcp_fin_timeout", "2"}}},
      {.name = "graceful/local_first/peer_never_closes_long",
       .about =
           "The same with tcp_fin_timeout above a minute: first a full socket, then a mini one.",
       .run = peer_never_closes_long,
       .usual = never_closed,
       .sysctls = {{"tcp_fin_timeout", "61"}}},
      {.name = "graceful/local_first/data_in_fin_wait2",
       .about = "Data reaches the mini-socket in FIN_WAIT2, which answers with a reset.",
       .run = data_in_fin_wait2,
       .usual = {{{.cls = "graceful",
                   .reason = "local_first",
                   .received = 0,
                   .full_flags = {"late_data_reset"}}},
                 {{"OutRsts", 1}}}},
      {.name = "graceful/local_first/reset_in_fin_wait2",
       .about = "A reset removes the mini-socket in FIN_WAIT2; all our bytes had arrived.",
       .run = reset_in_fin_wait2,
       .usual = never_closed},
      {.name = "graceful/local_first/reset_in_time_wait",
       .about = "A reset removes the mini-socket in TIME_WAIT.",
       .run = reset_in_time_wait,
       .usual = plain},
      {.name = "graceful/local_first/destroyed_in_time_wait",
       .about = "SOCK_DESTROY removes the mini-socket in TIME_WAIT: no end of a connection.",
       .run = destroyed_in_time_wait,
       .usual = plain},
      {.name = "graceful/local_first/no_timewait_bucket",
       .about = "tcp_max_tw_buckets is 0: the peer's FIN is answered by a reset of no socket.",
       .run = no_bucket,
       .usual = {{{.cls = "graceful", .reason = "local_first"}},
                 {{"OutRsts", 1}, {"TCPTimeWaitOverflow", 1}}},
       .sysctls = {{"tcp_max_tw_buckets", "0"}}},
  };
}

}  // namespace closewatch::scenarios
