// SPDX-License-Identifier: Apache-2.0
// close() with received data unread (kernel.md A6): what counts as unread, and what it overrules.
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void finish_with_rst(Connection& connection) {
  connection.close();
  connection.peer().await_rst();
  connection.await_gone();
}

void partly_read(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.read(100);
  connection.await_queues({.unread = 200});
  finish_with_rst(connection);
}

void linger_zero(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.await_queues({.unread = 300});
  connection.linger(0);
  finish_with_rst(connection);
}

void after_shutdown_read(Stage& stage) {
  Connection& connection = stage.connect();
  connection.shutdown(SHUT_RD);
  connection.peer().send(50);
  connection.await_queues({.unread = 50});
  finish_with_rst(connection);
}

void fin_wait1(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.shutdown(SHUT_WR);
  connection.peer().send(300);
  connection.peer().await_ack_of(300);
  finish_with_rst(connection);
}

void fin_wait2(Stage& stage) {
  Connection& connection = stage.connect();
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  connection.peer().send(300);
  connection.await_queues({.unread = 300});
  finish_with_rst(connection);
}

// A byte that MSG_OOB has read stays in the queue: the kernel resets for its sake.
void urgent(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send_urgent(3);
  connection.peer().await_ack_of(3);
  connection.read(2);
  const bool got = connection.owner().run([fd = connection.fd()] {
    char byte = 0;
    return ::recv(fd, &byte, 1, MSG_OOB) == 1;
  });
  if (!got) {
    give_up("recv(MSG_OOB)");
  }
  connection.await_queues({});
  finish_with_rst(connection);
}

void out_of_order(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send_out_of_order(100, 200);
  connection.peer().await_segments(1);
  connection.await_queues({});
  connection.close();
  end_orderly(connection);
}

void exited(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.await_queues({.unread = 300});
  connection.owner().start([] { ::_exit(0); });
  connection.owner().await_exit();
  connection.peer().await_rst();
  connection.await_gone();
}

Expected unread(std::uint32_t bytes, std::string_view state) {
  return {.cls = "abortive",
          .reason = "unread_data",
          .unread = bytes,
          .state_at_close = state,
          .final_state = state,
          .rst_sent = true};
}

}  // namespace

std::vector<Situation> unread_situations() {
  const std::vector<CounterDelta> established{
      {"TCPAbortOnClose", 1}, {"EstabResets", 1}, {"OutRsts", 1}};
  const std::vector<CounterDelta> closing{{"TCPAbortOnClose", 1}, {"OutRsts", 1}};
  Expected with_linger = unread(300, "ESTABLISHED");
  with_linger.linger_seconds = 0;
  with_linger.linger = "zero";
  Expected in_fin_wait1 = unread(300, "FIN_WAIT1");
  in_fin_wait1.state_at_close = "ESTABLISHED";
  in_fin_wait1.never_sent = 4000;
  in_fin_wait1.unacked = 1000;
  Expected in_fin_wait2 = unread(300, "FIN_WAIT2");
  in_fin_wait2.state_at_close = "ESTABLISHED";
  Expected at_exit = unread(300, "ESTABLISHED");
  at_exit.closed_by = "exit";
  return {
      {.name = "abortive/unread_data/partly_read",
       .about = "The peer sent 300 bytes and closed; the application read 100 of them.",
       .run = partly_read,
       .usual = {{unread(200, "CLOSE_WAIT")}, established}},
      {.name = "abortive/unread_data/linger_zero",
       .about = "Unread data is the reason even with SO_LINGER {1, 0}.",
       .run = linger_zero,
       .usual = {{with_linger}, established}},
      {.name = "abortive/unread_data/shutdown_read",
       .about = "shutdown(SHUT_RD) does not keep data from being queued.",
       .run = after_shutdown_read,
       .usual = {{unread(50, "ESTABLISHED")}, established}},
      {.name = "abortive/unread_data/fin_wait1",
       .about =
           "Data came in after shutdown(SHUT_WR) and was not read; the send queue is lost too.",
       .run = fin_wait1,
       .usual = {{in_fin_wait1}, closing}},
      {.name = "abortive/unread_data/fin_wait2",
       .about = "An answer came in after shutdown(SHUT_WR) was acknowledged, and was not read.",
       .run = fin_wait2,
       .usual = {{in_fin_wait2}, closing}},
      {.name = "abortive/unread_data/urgent",
       .about = "The out-of-band byte was read with MSG_OOB and still counts as unread.",
       .run = urgent,
       .usual = {{unread(1, "ESTABLISHED")}, established}},
      {.name = "abortive/unread_data/exit",
       .about = "The process exits with data unread.",
       .run = exited,
       .usual = {{at_exit}, established}},
      {.name = "graceful/local_first/out_of_order_data",
       .about = "Data behind a gap was never readable and does not count as unread.",
       .run = out_of_order,
       .usual = {{{.cls = "graceful", .reason = "local_first"}}, {}}},
  };
}

}  // namespace closewatch::scenarios
