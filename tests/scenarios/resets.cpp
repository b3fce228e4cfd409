// SPDX-License-Identifier: Apache-2.0
// A real RST comes in (kernel.md B1, C10, A13) in every state, with the descriptor open or gone;
// and connect(AF_UNSPEC), which resets from our side without closing (A18).
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void close_wait(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.await_queues(kStuck);
  connection.peer().rst();
  connection.await_end();
  connection.close();
}

void orphan(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().ack(400);
  connection.peer().rst();
  connection.await_end();
}

void orphan_fin_wait2(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  connection.peer().rst();
  connection.await_end();
}

void after_shutdown(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.shutdown(SHUT_WR);
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().rst();
  connection.await_end();
  connection.close();
}

void last_ack(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.close();
  connection.await_state(TCP_LAST_ACK);
  connection.peer().rst();
  connection.await_end();
}

void closing(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().fin();
  connection.await_state(TCP_CLOSING);
  connection.peer().rst();
  connection.await_end();
}

// What had come in before the RST could still be read; the application closes instead.
void unread_discarded(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.await_queues({.unread = 300});
  connection.peer().rst();
  connection.await_end();
  connection.close();
}

void unread_then_read(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.await_queues({.unread = 300});
  connection.peer().rst();
  connection.await_end();
  connection.read(300);
  connection.close();
}

// Nobody owns a connection before it is accepted; this one had ended by then.
void in_accept_queue(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.arrive(owner);
  connection.peer().rst();
  connection.await_end();
  stage.accept(connection, listener);
  connection.close();
}

void accepted(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.accept(owner, listener, kNarrowWindow);
  connection.peer().send(100);
  connection.read(100);
  get_stuck(connection);
  connection.peer().rst();
  connection.await_end();
  connection.close();
}

void leave(Connection& connection) {
  const int error = connection.owner().run([fd = connection.fd()] {
    const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    return ::connect(fd, &nowhere, sizeof nowhere) == 0 ? 0 : errno;
  });
  if (error != 0) {
    give_up("connect(AF_UNSPEC): errno " + std::to_string(error));
  }
}

void connected_again(Stage& stage) {
  Connection& first = connect_stuck(stage);
  leave(first);
  first.peer().await_rst();
  Connection& second = stage.again(first);
  stage.connect(second, kWideWindow);
  exchange(second, 500);
  second.close();
  end_orderly(second);
}

void disconnected_in_close_wait(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.await_queues({.unread = 300});
  leave(connection);
  connection.peer().await_rst();
  connection.close();
}

Expected reset(std::string_view at_close, std::string_view at_end) {
  return {.cls = "abortive",
          .reason = "reset_by_peer",
          .never_sent = 4000,
          .unacked = 1000,
          .initiator = "peer",
          .closed_by = at_close.empty() ? "none" : "close",
          .state_at_close = at_close,
          .final_state = at_end,
          .rst_received = true,
          .error = "ECONNRESET"};
}

Expected without_loss(Expected expected) {
  expected.never_sent = expected.unacked = 0;
  return expected;
}

}  // namespace

std::vector<Situation> reset_situations() {
  const std::vector<CounterDelta> established{{"EstabResets", 1}};
  Expected in_close_wait = reset("", "CLOSE_WAIT");
  in_close_wait.error = "EPIPE";
  Expected partly = reset("ESTABLISHED", "FIN_WAIT1");
  partly.unacked = 600;
  Expected shut = reset("ESTABLISHED", "FIN_WAIT1");
  shut.closed_by = "shutdown";
  Expected unread = without_loss(reset("", "ESTABLISHED"));
  unread.unread = 300;
  Expected queued = without_loss(reset("", "ESTABLISHED"));
  queued.process = "";
  queued.flags = {"never_accepted"};
  const Expected left{.cls = "abortive",
                      .reason = "disconnected",
                      .never_sent = 4000,
                      .unacked = 1000,
                      .closed_by = "none",
                      .state_at_close = "",
                      .final_state = "ESTABLISHED",
                      .rst_sent = true};
  Expected left_unread = without_loss(left);
  left_unread.unread = 300;
  left_unread.final_state = "CLOSE_WAIT";
  const std::vector<CounterDelta> by_us{{"EstabResets", 1}, {"OutRsts", 1}};
  return {
      {.name = "abortive/reset_by_peer/close_wait",
       .about = "After its FIN the peer resets: the error is EPIPE.",
       .run = close_wait,
       .usual = {{in_close_wait}, established}},
      {.name = "abortive/reset_by_peer/orphan",
       .about = "The application has closed; 4600 bytes were still on their way.",
       .run = orphan,
       .usual = {{partly}, {}}},
      {.name = "abortive/reset_by_peer/orphan_fin_wait2",
       .about = "The application has closed, all was acknowledged, then the peer resets.",
       .run = orphan_fin_wait2,
       .usual = {{without_loss(reset("ESTABLISHED", "FIN_WAIT2"))}, {}},
       .sysctls = {{"tcp_fin_timeout", "120"}}},
      {.name = "abortive/reset_by_peer/shutdown",
       .about = "After shutdown(SHUT_WR), with the descriptor open.",
       .run = after_shutdown,
       .usual = {{shut}, {}}},
      {.name = "abortive/reset_by_peer/last_ack",
       .about = "The peer closed, the application closed, then the peer resets.",
       .run = last_ack,
       .usual = {{reset("CLOSE_WAIT", "LAST_ACK")}, {}}},
      {.name = "abortive/reset_by_peer/closing",
       .about = "The FINs crossed, then the peer resets.",
       .run = closing,
       .usual = {{reset("ESTABLISHED", "CLOSING")}, {}}},
      {.name = "abortive/reset_by_peer/unread_discarded",
       .about = "The application closes after the reset without reading what had come in.",
       .run = unread_discarded,
       .usual = {{unread}, established}},
      {.name = "abortive/reset_by_peer/unread_then_read",
       .about = "The application still reads what had come in before the reset.",
       .run = unread_then_read,
       .usual = {{without_loss(reset("", "ESTABLISHED"))}, established}},
      {.name = "abortive/reset_by_peer/in_accept_queue",
       .about = "The peer resets before the connection is accepted.",
       .run = in_accept_queue,
       .usual = {{queued}, established}},
      {.name = "abortive/reset_by_peer/accepted",
       .about = "A connection that was accepted and read from is reset.",
       .run = accepted,
       .usual = {{reset("", "ESTABLISHED")}, established}},
      {.name = "abortive/disconnected/connected_again",
       .about = "connect(AF_UNSPEC), then the same socket connects elsewhere and closes orderly.",
       .run = connected_again,
       .usual = {{left, {.cls = "graceful", .reason = "local_first", .connection = 1}}, by_us}},
      {.name = "abortive/disconnected/close_wait",
       .about = "connect(AF_UNSPEC) after the peer's FIN, with data unread.",
       .run = disconnected_in_close_wait,
       .usual = {{left_unread}, by_us}},
  };
}

}  // namespace closewatch::scenarios
