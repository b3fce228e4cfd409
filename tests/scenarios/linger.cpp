// SPDX-License-Identifier: Apache-2.0
// SO_LINGER with a positive time (kernel.md A8, A9, A9b, A9c, A14): the ways out of the wait, and
// the closes that do not wait.
#include <fcntl.h>
#include <sys/syscall.h>

#include <csignal>

#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

constexpr int kLong = 20;

// close() has begun to wait, in `state`.
Pending<CloseResult> begin_waiting(Connection& connection, int state) {
  auto closing = connection.start_close();
  connection.await_state(state);
  connection.owner().await_blocked_in(SYS_close);
  return closing;
}

void after_return_timed_out(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.owner().run([fd = connection.fd()] { ::fcntl(fd, F_SETFL, O_NONBLOCK); });
  connection.linger(1);
  connection.close();
  connection.await_end();
}

void slow_peer(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  auto closing = begin_waiting(connection, TCP_FIN_WAIT1);
  drain(connection, 5000);
  connection.finish_close(closing);
  connection.await_gone();
}

void last_ack(Stage& stage) {
  Connection& connection = stage.connect();
  connection.linger(kLong);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  auto closing = begin_waiting(connection, TCP_LAST_ACK);
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.finish_close(closing);
  connection.await_gone();
}

void crossing(Stage& stage) {
  Connection& connection = stage.connect();
  connection.linger(kLong);
  auto closing = begin_waiting(connection, TCP_FIN_WAIT1);
  connection.peer().await_fin();
  connection.peer().fin();
  connection.await_state(TCP_CLOSING);
  connection.peer().ack_all();
  connection.finish_close(closing);
  connection.await_end();
}

void after_shutdown(Stage& stage) {
  Connection& connection = stage.connect();
  connection.linger(kLong);
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  auto closing = connection.start_close();
  connection.owner().await_blocked_in(SYS_close);
  connection.peer().ack_all();
  connection.finish_close(closing);
  peer_follows(connection);
}

void nothing_to_wait_for(Stage& stage) {
  Connection& connection = stage.connect();
  connection.linger(kLong);
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  connection.close();
  peer_follows(connection);
}

void signalled(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.owner().run([] { ::signal(SIGUSR1, [](int) {}); });
  connection.linger(kLong);
  auto closing = begin_waiting(connection, TCP_FIN_WAIT1);
  connection.owner().signal(SIGUSR1);
  connection.finish_close(closing);
  drain(connection, 5000);
  peer_follows(connection);
}

// Nothing more is seen of the connection until the linger time is over.
void signalled_and_silent(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.owner().run([] { ::signal(SIGUSR1, [](int) {}); });
  connection.linger(1);
  auto closing = begin_waiting(connection, TCP_FIN_WAIT1);
  connection.owner().signal(SIGUSR1);
  connection.finish_close(closing);
  connection.await_end();
}

void killed_while_waiting(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  begin_waiting(connection, TCP_FIN_WAIT1);
  connection.owner().signal(SIGKILL);
  connection.owner().await_exit();
  connection.await_end();
}

void reset_while_waiting(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  auto closing = begin_waiting(connection, TCP_FIN_WAIT1);
  connection.peer().rst();
  connection.finish_close(closing);
  connection.await_end();
}

void data_while_waiting(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  auto closing = begin_waiting(connection, TCP_FIN_WAIT1);
  connection.peer().send(77);
  connection.finish_close(closing);
  connection.peer().await_rst();
  connection.await_end();
}

void timed_out_while_waiting(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  connection.close();
  connection.await_end();
}

void unread_data(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  connection.peer().send(300);
  connection.await_queues({.never_sent = 4000, .unacked = 1000, .unread = 300});
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void exit_with_linger(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  connection.owner().start([] { ::_exit(0); });
  connection.owner().await_exit();
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().rst();
  connection.await_end();
}

void killed_with_linger(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.linger(kLong);
  connection.owner().signal(SIGKILL);
  connection.owner().await_exit();
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().rst();
  connection.await_end();
}

Expected completed() {
  return {.cls = "lingered",
          .reason = "linger_completed",
          .linger_seconds = kLong,
          .linger = "completed"};
}

Expected stuck(std::string_view cls, std::string_view reason, std::string_view initiator) {
  return {.cls = cls,
          .reason = reason,
          .never_sent = 4000,
          .unacked = 1000,
          .initiator = initiator,
          .final_state = "FIN_WAIT1",
          .linger_seconds = kLong};
}

}  // namespace

std::vector<Situation> linger_situations() {
  Expected silent = stuck("timed_out", "retransmission", "kernel");
  silent.error = "ETIMEDOUT";
  Expected expired = silent;
  expired.linger_seconds = 1;
  expired.linger = "expired";
  Expected broken_off = silent;
  broken_off.linger = "interrupted";
  Expected signalled_away = broken_off;
  signalled_away.linger_seconds = 1;

  Expected slow = completed();
  slow.full_flags = {"peer_never_closed"};
  Expected answer = completed();
  answer.initiator = "peer";
  answer.state_at_close = "CLOSE_WAIT";
  answer.final_state = "LAST_ACK";
  Expected crossed = completed();
  crossed.final_state = "CLOSING";

  Expected reset = stuck("abortive", "reset_by_peer", "peer");
  reset.linger = "interrupted";
  reset.rst_received = true;
  reset.error = "ECONNRESET";
  Expected exited = reset;
  exited.closed_by = "exit";
  exited.linger = "skipped";
  Expected killed = exited;
  killed.closed_by = "signal";
  killed.signal = SIGKILL;

  Expected late_data = stuck("abortive", "data_after_close", "local");
  late_data.received = 0;
  late_data.linger = "interrupted";
  late_data.rst_sent = true;
  late_data.error = "ECONNRESET";
  Expected unread = stuck("abortive", "unread_data", "local");
  unread.unread = 300;
  unread.final_state = "ESTABLISHED";
  unread.linger = "skipped";
  unread.rst_sent = true;

  const Expected no_wait{
      .cls = "graceful", .reason = "local_first", .linger_seconds = kLong, .linger = "skipped"};
  const Expected interrupted{
      .cls = "graceful", .reason = "local_first", .linger_seconds = kLong, .linger = "interrupted"};
  const std::vector<Sysctl> patient{{"tcp_retries2", "2"}};
  return {
      {.name = "timed_out/retransmission/linger_expired",
       .about = "The linger time passes (O_NONBLOCK or not), then the kernel gives up as well.",
       .run = after_return_timed_out,
       .usual = {{expired}, {{"TCPAbortOnTimeout", 1}}},
       .sysctls = {{"tcp_orphan_retries", "2"}}},
      {.name = "lingered/linger_completed/slow_peer",
       .about = "close() waits until 4000 unsent bytes were sent and acknowledged.",
       .run = slow_peer,
       .usual = {{slow}, {}},
       .sysctls = {{"tcp_fin_timeout", "2"}}},
      {.name = "lingered/linger_completed/last_ack",
       .about = "The peer closed first; close() waits for the last acknowledgement.",
       .run = last_ack,
       .usual = {{answer}, {}}},
      {.name = "lingered/linger_completed/crossing",
       .about = "The FINs cross while close() waits.",
       .run = crossing,
       .usual = {{crossed}, {}}},
      {.name = "lingered/linger_completed/after_shutdown",
       .about = "close() after shutdown(SHUT_WR) waits for the acknowledgement of the FIN.",
       .run = after_shutdown,
       .usual = {{completed()}, {}}},
      {.name = "graceful/local_first/linger_without_wait",
       .about = "Everything was acknowledged after shutdown(SHUT_WR): close() has no need to wait.",
       .run = nothing_to_wait_for,
       .usual = {{no_wait}, {}}},
      {.name = "graceful/local_first/linger_interrupted",
       .about = "A signal ends the wait of close(), which returns 0; the data still arrives.",
       .run = signalled,
       .usual = {{interrupted}, {}}},
      {.name = "timed_out/retransmission/linger_interrupted",
       .about =
           "A signal ends the wait of close(), and the peer stays silent for longer than that.",
       .run = signalled_and_silent,
       .usual = {{signalled_away}, {{"TCPAbortOnTimeout", 1}}},
       .sysctls = {{"tcp_orphan_retries", "2"}}},
      {.name = "timed_out/retransmission/linger_killed",
       .about = "SIGKILL ends the wait of close(), and the peer stays silent.",
       .run = killed_while_waiting,
       .usual = {{broken_off}, {{"TCPAbortOnTimeout", 1}}},
       .sysctls = {{"tcp_orphan_retries", "2"}}},
      {.name = "abortive/reset_by_peer/linger",
       .about = "The peer resets while close() waits; close() returns 0.",
       .run = reset_while_waiting,
       .usual = {{reset}, {}}},
      {.name = "abortive/data_after_close/linger",
       .about = "The peer sends data while close() waits.",
       .run = data_while_waiting,
       .usual = {{late_data}, {{"TCPAbortOnData", 1}, {"OutRsts", 1}}}},
      {.name = "timed_out/retransmission/linger_waiting",
       .about = "The kernel gives up retransmitting while close() still waits.",
       .run = timed_out_while_waiting,
       .usual = {{broken_off}, {{"TCPAbortOnTimeout", 1}}},
       .sysctls = patient},
      {.name = "abortive/unread_data/linger",
       .about = "Unread data makes close() a reset; it does not linger.",
       .run = unread_data,
       .usual = {{unread}, {{"TCPAbortOnClose", 1}, {"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/reset_by_peer/exit_does_not_linger",
       .about = "A process that exits does not wait; the data goes on in the background.",
       .run = exit_with_linger,
       .usual = {{exited}, {}}},
      {.name = "abortive/reset_by_peer/kill_does_not_linger",
       .about = "A process that is killed does not wait either.",
       .run = killed_with_linger,
       .usual = {{killed}, {}}},
  };
}

}  // namespace closewatch::scenarios
