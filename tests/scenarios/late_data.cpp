// SPDX-License-Identifier: Apache-2.0
// The peer sends to a receiver that is gone (kernel.md C5, C6): the kernel resets, and nobody sent
// us a RST.
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void fin_wait2(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  connection.peer().send(77);
  connection.peer().await_rst();
  connection.await_end();
}

void shutdown_both(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.shutdown(SHUT_RDWR);
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().send(77);
  connection.peer().await_rst();
  connection.await_end();
  connection.close();
}

void with_fin_ack(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.close();
  connection.peer().await_fin();
  connection.peer().take_all();
  connection.peer().send(77);
  connection.peer().await_rst();
  connection.await_end();
}

void fin_out_of_order(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.close();
  connection.peer().await_fin();
  connection.peer().take_all();
  connection.peer().fin_out_of_order(10);
  connection.peer().await_rst();
  connection.await_end();
}

void exited(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.owner().start([] { ::_exit(0); });
  connection.owner().await_exit();
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().send(77);
  connection.peer().await_rst();
  connection.await_end();
}

void linger2_later(Stage& stage) {
  Connection& connection = stage.connect();
  connection.set(IPPROTO_TCP, TCP_LINGER2, -1);
  exchange(connection, 500);
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.peer().await_rst();
  connection.await_end();
}

Expected late(std::string_view final_state) {
  return {.cls = "abortive",
          .reason = "data_after_close",
          .received = 0,
          .final_state = final_state,
          .rst_sent = true};
}

}  // namespace

std::vector<Situation> late_data_situations() {
  const std::vector<CounterDelta> counters{{"TCPAbortOnData", 1}, {"OutRsts", 1}};
  Expected in_fin_wait2 = late("FIN_WAIT2");
  in_fin_wait2.error = "ECONNRESET";
  Expected owned = late("FIN_WAIT1");
  owned.never_sent = 4000;
  owned.unacked = 1000;
  owned.closed_by = "shutdown";
  owned.error = "ECONNRESET";
  Expected at_exit = owned;
  at_exit.closed_by = "exit";
  return {
      {.name = "abortive/data_after_close/fin_wait2",
       .about = "Data comes in after our FIN was acknowledged; nothing of ours is lost.",
       .run = fin_wait2,
       .usual = {{in_fin_wait2}, counters},
       .sysctls = {{"tcp_fin_timeout", "120"}}},
      {.name = "abortive/data_after_close/shutdown_both",
       .about = "After shutdown(SHUT_RDWR), with the descriptor still open.",
       .run = shutdown_both,
       .usual = {{owned}, counters}},
      {.name = "abortive/data_after_close/with_fin_ack",
       .about = "The data comes in the segment that acknowledges our FIN.",
       .run = with_fin_ack,
       .usual = {{late("FIN_WAIT2")}, counters}},
      {.name = "abortive/data_after_close/fin_out_of_order",
       .about = "A FIN behind a gap acknowledges ours: something was sent that nobody will read.",
       .run = fin_out_of_order,
       .usual = {{late("FIN_WAIT2")}, counters}},
      {.name = "abortive/data_after_close/exited",
       .about = "The process is gone when the data comes in.",
       .run = exited,
       .usual = {{at_exit}, counters}},
      {.name = "abortive/linger2/fin_acked_later",
       .about = "TCP_LINGER2 below zero: reset as soon as the FIN is acknowledged after close().",
       .run = linger2_later,
       .usual = {{{.cls = "abortive", .reason = "linger2", .rst_sent = true}}, counters}},
  };
}

}  // namespace closewatch::scenarios
