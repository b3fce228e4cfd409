// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>

#include "userspace/demo/catalogue.h"
#include "userspace/demo/recipe.h"

namespace closewatch::demo {
namespace {

void expect_error(Pending<int> connecting, int error) {
  if (const int got = connecting.get(); got != error) {
    give_up("connect() failed with errno " + std::to_string(got));
  }
}

void refused(Stage& stage) {
  Connection& connection = stage.socket();
  auto connecting = stage.start_connect(connection);
  connection.peer().await_syn();
  connection.note_ports();
  connection.peer().refuse();
  expect_error(connecting, ECONNREFUSED);
  connection.close();
}

void connect_timeout(Stage& stage) {
  Connection& connection = stage.socket();
  connection.set(IPPROTO_TCP, TCP_SYNCNT, 1);
  auto connecting = stage.start_connect(connection);
  connection.peer().await_syn();
  connection.note_ports();
  expect_error(connecting, ETIMEDOUT);
  connection.close();
}

void connect_error(Stage& stage) {
  Connection& connection = stage.socket();
  auto connecting = stage.start_connect(connection);
  connection.peer().await_syn();
  connection.note_ports();
  // While connect() still holds the socket, the kernel would only take note of the ICMP error.
  connection.owner().await_blocked_in(SYS_connect);
  connection.peer().send_unreachable(Unreachable::port);
  expect_error(connecting, ECONNREFUSED);
  connection.close();
}

void closed_in_syn_sent(Stage& stage) {
  Connection& connection = stage.socket();
  connection.owner().run([fd = connection.fd()] { ::fcntl(fd, F_SETFL, O_NONBLOCK); });
  auto connecting = stage.start_connect(connection);
  connection.peer().await_syn();
  connection.note_ports();
  expect_error(connecting, EINPROGRESS);
  connection.close();
  connection.await_end();
}

}  // namespace

std::vector<Situation> unestablished_situations() {
  return {
      {.name = "unestablished/refused",
       .about = "The peer answers the connection attempt with a reset.",
       .run = refused,
       .usual = {{{.cls = "unestablished",
                   .reason = "refused",
                   .initiator = "peer",
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "SYN_SENT",
                   .rst_received = true,
                   .error = "ECONNREFUSED"}},
                 {{"AttemptFails", 1}}}},
      {.name = "unestablished/connect_timeout",
       .about = "Nobody answers the connection attempt.",
       .run = connect_timeout,
       .usual = {{{.cls = "unestablished",
                   .reason = "connect_timeout",
                   .initiator = "kernel",
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "SYN_SENT",
                   .error = "ETIMEDOUT"}},
                 {{"AttemptFails", 1}, {"TCPAbortOnTimeout", 1}}}},
      {.name = "unestablished/connect_error",
       .about = "A router reports by ICMP that the peer's port cannot be reached.",
       .run = connect_error,
       .usual = {{{.cls = "unestablished",
                   .reason = "connect_error",
                   .initiator = "kernel",
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "SYN_SENT",
                   .error = "ECONNREFUSED"}},
                 {{"AttemptFails", 1}}}},
      {.name = "unestablished/closed_in_syn_sent",
       .about = "The application closes before the peer has answered the connection attempt.",
       .run = closed_in_syn_sent,
       .usual = {{{.cls = "unestablished",
                   .reason = "closed_in_syn_sent",
                   .state_at_close = "SYN_SENT",
                   .final_state = "SYN_SENT"}},
                 {}}},
  };
}

}  // namespace closewatch::demo
