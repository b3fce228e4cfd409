// SPDX-License-Identifier: Apache-2.0
// SO_LINGER {1, 0} in every state (kernel.md A7, A14): with a reset, and where the kernel sends
// none.
#include <csignal>

#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void close_wait(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.await_queues(kStuck);
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void fin_wait1(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.shutdown(SHUT_WR);
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void fin_wait2(Stage& stage) {
  Connection& connection = stage.connect();
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  connection.await_queues({});
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void last_ack_sent(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  write_for_fin(connection, 500);
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.linger(0);
  connection.close();
  connection.await_gone();
}

void last_ack_unsent(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.shutdown(SHUT_WR);
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_gone();
}

void closing_sent(Stage& stage) {
  Connection& connection = stage.connect();
  write_for_fin(connection, 500);
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().fin();
  connection.await_state(TCP_CLOSING);
  connection.linger(0);
  connection.close();
  connection.await_gone();
}

void corked(Stage& stage) {
  Connection& connection = stage.connect();
  connection.write(100, MSG_MORE);
  connection.await_queues({.never_sent = 100});
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void many_bytes(Stage& stage) {
  Connection& connection = stage.socket();
  connection.set(SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20);
  stage.connect(connection, kWideWindow);
  connection.write(200000);
  const Queues queues = connection.owner().run([fd = connection.fd()] { return queues_of(fd); });
  if (queues.never_sent + queues.unacked != 200000) {
    give_up("the queues do not hold what was written");
  }
  connection.await_queues(queues);
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void exited(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(0);
  connection.owner().start([] { ::_exit(0); });
  connection.owner().await_exit();
  connection.peer().await_rst();
  connection.await_end();
}

void killed(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(0);
  connection.owner().signal(SIGKILL);
  connection.owner().await_exit();
  connection.peer().await_rst();
  connection.await_end();
}

Expected zero(std::uint32_t never_sent, std::uint32_t unacked, std::string_view final_state) {
  return {.cls = "abortive",
          .reason = "linger_zero",
          .never_sent = never_sent,
          .unacked = unacked,
          .final_state = final_state,
          .linger_seconds = 0,
          .linger = "zero",
          .rst_sent = true};
}

}  // namespace

std::vector<Situation> linger_zero_situations() {
  Expected in_close_wait = zero(4000, 1000, "CLOSE_WAIT");
  in_close_wait.state_at_close = "CLOSE_WAIT";
  Expected silent_last_ack = zero(0, 500, "LAST_ACK");
  silent_last_ack.state_at_close = "CLOSE_WAIT";
  silent_last_ack.rst_sent = false;
  Expected unsent_last_ack = zero(4000, 1000, "LAST_ACK");
  unsent_last_ack.state_at_close = "CLOSE_WAIT";
  Expected silent_closing = zero(0, 500, "CLOSING");
  silent_closing.rst_sent = false;
  Expected many = zero(0, 0, "ESTABLISHED");
  many.bytes_from_queues = true;
  Expected at_exit = zero(4000, 1000, "ESTABLISHED");
  at_exit.closed_by = "exit";
  Expected at_kill = at_exit;
  at_kill.closed_by = "signal";
  at_kill.signal = SIGKILL;
  const std::vector<CounterDelta> established{
      {"TCPAbortOnData", 1}, {"EstabResets", 1}, {"OutRsts", 1}};
  const std::vector<CounterDelta> closing{{"TCPAbortOnData", 1}, {"OutRsts", 1}};
  const std::vector<CounterDelta> silent{{"TCPAbortOnData", 1}};
  return {
      {.name = "abortive/linger_zero/close_wait",
       .about = "After the peer's FIN, with data stuck.",
       .run = close_wait,
       .usual = {{in_close_wait}, established}},
      {.name = "abortive/linger_zero/fin_wait1",
       .about = "After shutdown(SHUT_WR), before the FIN could be sent: it still resets.",
       .run = fin_wait1,
       .usual = {{zero(4000, 1000, "FIN_WAIT1")}, closing}},
      {.name = "abortive/linger_zero/fin_wait2",
       .about = "After shutdown(SHUT_WR), everything acknowledged: it resets, and loses nothing.",
       .run = fin_wait2,
       .usual = {{zero(0, 0, "FIN_WAIT2")}, closing}},
      {.name = "abortive/linger_zero/last_ack_sent",
       .about = "In LAST_ACK with all sent but unacknowledged: 500 bytes lost without any reset.",
       .run = last_ack_sent,
       .usual = {{silent_last_ack}, silent}},
      {.name = "abortive/linger_zero/last_ack_unsent",
       .about = "In LAST_ACK with unsent data.",
       .run = last_ack_unsent,
       .usual = {{unsent_last_ack}, closing}},
      {.name = "abortive/linger_zero/closing_sent",
       .about = "In CLOSING with all sent but unacknowledged: lost without any reset.",
       .run = closing_sent,
       .usual = {{silent_closing}, silent}},
      {.name = "abortive/linger_zero/corked",
       .about = "100 bytes held back by MSG_MORE are lost.",
       .run = corked,
       .usual = {{zero(100, 0, "ESTABLISHED")}, established}},
      {.name = "abortive/linger_zero/many_bytes",
       .about = "200000 bytes, of which the congestion window let some out.",
       .run = many_bytes,
       .usual = {{many}, established}},
      {.name = "abortive/linger_zero/exit",
       .about = "A process that exits resets all the same.",
       .run = exited,
       .usual = {{at_exit}, established}},
      {.name = "abortive/linger_zero/kill",
       .about = "A process that is killed resets too.",
       .run = killed,
       .usual = {{at_kill}, established}},
  };
}

}  // namespace closewatch::scenarios
