// SPDX-License-Identifier: Apache-2.0
// SOCK_DESTROY, as `ss -K` does, by a process that is not the owner (kernel.md B8, B9).
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void close_wait(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.await_queues(kStuck);
  destroy_socket(stage.actor("killer"), connection);
  connection.peer().await_rst();
  connection.await_end();
  connection.close();
}

void fin_wait1(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.shutdown(SHUT_WR);
  connection.await_state(TCP_FIN_WAIT1);
  destroy_socket(stage.actor("killer"), connection);
  connection.peer().await_rst();
  connection.await_end();
  connection.close();
}

// On 5.10 the kernel reports success, drops the queue and leaves the socket as it is for ever.
void orphan(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.await_state(TCP_FIN_WAIT1);
  destroy_socket(stage.actor("killer"), connection);
  if (connection.entry()) {
    stage.variant(1);
  } else {
    connection.peer().await_rst();
  }
}

void unread(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().send(300);
  connection.await_queues({.unread = 300});
  destroy_socket(stage.actor("killer"), connection);
  connection.peer().await_rst();
  connection.await_end();
  connection.close();
}

void by_owner(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  destroy_socket(connection.owner(), connection);
  connection.peer().await_rst();
  connection.await_end();
  connection.close();
}

void listener(Stage& stage) {
  Actor& owner = stage.owner();
  stage.listen(owner);
  Connection& connection = stage.arrive(owner);
  Actor& killer = stage.actor("killer");
  const int error = try_destroy_socket(killer, stage.family(), kListenPort, 0);
  if (error != 0) {
    give_up("SOCK_DESTROY of a listener: errno " + std::to_string(error));
  }
  connection.peer().await_rst();
  connection.await_end();
}

Expected destroyed(std::string_view state) {
  return {.cls = "abortive",
          .reason = "destroyed",
          .never_sent = 4000,
          .unacked = 1000,
          .closed_by = "none",
          .actor = "killer",
          .state_at_close = "",
          .final_state = state,
          .rst_sent = true,
          .error = "ECONNABORTED"};
}

}  // namespace

std::vector<Situation> destroy_situations() {
  const std::vector<CounterDelta> established{{"EstabResets", 1}, {"OutRsts", 1}};
  const std::vector<CounterDelta> closing{{"OutRsts", 1}};
  Expected shut = destroyed("FIN_WAIT1");
  shut.closed_by = "shutdown";
  shut.state_at_close = "ESTABLISHED";
  Expected background = shut;
  background.closed_by = "close";
  Expected stays = background;
  stays.full_only = true;
  stays.rst_sent = false;
  stays.error = "";
  Expected with_unread = destroyed("ESTABLISHED");
  with_unread.never_sent = with_unread.unacked = 0;
  with_unread.unread = 300;
  Expected own = destroyed("ESTABLISHED");
  own.actor = "";  // it is the process itself
  return {
      {.name = "abortive/destroyed/close_wait",
       .about = "The peer had closed its side.",
       .run = close_wait,
       .usual = {{destroyed("CLOSE_WAIT")}, established}},
      {.name = "abortive/destroyed/fin_wait1",
       .about = "The owner had called shutdown(SHUT_WR).",
       .run = fin_wait1,
       .usual = {{shut}, closing}},
      {.name = "abortive/destroyed/orphan",
       .about = "The owner had closed; the kernel was still sending in the background.",
       .run = orphan,
       .usual = {{background}, closing},
       .others = {{{stays}, {}}}},
      {.name = "abortive/destroyed/unread",
       .about = "Received data goes with it: the owner closes without reading.",
       .run = unread,
       .usual = {{with_unread}, established}},
      {.name = "abortive/destroyed/by_owner",
       .about = "A process destroys its own connection.",
       .run = by_owner,
       .usual = {{own}, established}},
      {.name = "abortive/listener_closed/destroyed",
       .about = "The listener is destroyed, and with it what waits to be accepted.",
       .run = listener,
       .usual = {{{.cls = "abortive",
                   .reason = "listener_closed",
                   .closed_by = "none",
                   .actor = "killer",
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .rst_sent = true,
                   .flags = {"never_accepted"}}},
                 established}},
  };
}

}  // namespace closewatch::scenarios
