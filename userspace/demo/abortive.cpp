// SPDX-License-Identifier: Apache-2.0
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "userspace/demo/catalogue.h"
#include "userspace/demo/destroy.h"
#include "userspace/demo/network.h"
#include "userspace/demo/recipe.h"

namespace closewatch::demo {
namespace {

void unread_data(Stage& stage) {
  Connection& connection = stage.connect(kNarrowWindow);
  connection.peer().send(300);
  connection.write(5000);
  connection.await_queues({.never_sent = 4000, .unacked = 1000, .unread = 300});
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void linger_zero(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().ack(400);
  connection.await_queues({.never_sent = 4000, .unacked = 600});
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

void data_after_close(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.await_state(TCP_FIN_WAIT1);
  connection.peer().send(77);
  connection.peer().await_rst();
  connection.await_end();
}

void reset_by_peer(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().ack(400);
  connection.await_queues({.never_sent = 4000, .unacked = 600});
  connection.peer().rst();
  connection.await_end();
  connection.close();
}

void disconnected(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  const int error = connection.owner().run([fd = connection.fd()] {
    const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    return ::connect(fd, &nowhere, sizeof nowhere) == 0 ? 0 : errno;
  });
  if (error != 0) {
    give_up("connect(AF_UNSPEC): errno " + std::to_string(error));
  }
  connection.peer().await_rst();
  connection.close();
}

void destroyed(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  Actor& killer = stage.actor("killer");
  destroy_socket(killer, connection);
  connection.peer().await_rst();
  connection.await_end();
  connection.close();
}

void listener_closed(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.arrive(owner);
  connection.peer().send(200);
  connection.peer().await_ack_of(200);
  owner.run([listener] { ::close(listener); });
  connection.peer().await_rst();
  connection.await_end();
}

// The first becomes an orphan that the kernel looks at again whenever it retransmits, until the
// count that it compares is new enough for the last to be refused at once.
void orphan_limit(Stage& stage) {
  Connection& last = connect_stuck(stage);
  Connection& first = connect_stuck(stage);
  const std::vector<Connection*> orphans = crowd_of_orphans(stage);
  stage.lower_host_limit("0");
  first.close();
  first.await_end();
  last.close();
  const bool at_once = !last.entry();
  stage.restore_host_limit();
  if (!at_once) {
    give_up("close() does not find the orphans too many");
  }
  for (Connection* orphan : orphans) {
    peer_follows(*orphan);
  }
}

void linger2(Stage& stage) {
  Connection& connection = stage.connect();
  connection.set(IPPROTO_TCP, TCP_LINGER2, -1);
  connection.await_queues({});
  connection.shutdown(SHUT_WR);
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

// A FIN_WAIT2 that begins with more than a minute to go stays a full socket until one minute is
// left; if the time allowed is shorter by then, the timer resets it. The seconds above a minute are
// how late this process may be.
void fin_wait2_timeout(Stage& stage) {
  Connection& connection = stage.connect();
  connection.await_queues({});
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_state(TCP_FIN_WAIT2);
  if (auto set = set_sysctl("tcp_fin_timeout", "2"); !set) {
    give_up(set.error().what);
  }
  connection.peer().await_rst();
  connection.await_end();
}

void repair(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.set(IPPROTO_TCP, TCP_REPAIR, 1);
  connection.close();
  connection.await_end();
}

std::vector<Expected> orphan_limit_closures() {
  std::vector<Expected> closures;
  for (std::uint32_t i = 0; i < 2; ++i) {
    closures.push_back({.cls = "abortive",
                        .reason = "orphan_limit",
                        .connection = i,
                        .never_sent = 4000,
                        .unacked = 1000,
                        .initiator = "kernel",
                        .final_state = "FIN_WAIT1",
                        .rst_sent = true});
  }
  for (std::uint32_t i = 0; i < kCrowd; ++i) {
    closures.push_back({.cls = "graceful", .reason = "local_first", .connection = 2 + i});
  }
  return closures;
}

}  // namespace

std::vector<Situation> abortive_situations() {
  return {
      {.name = "abortive/unread_data",
       .about = "The application closes with received data unread: the kernel resets.",
       .run = unread_data,
       .usual = {{{.cls = "abortive",
                   .reason = "unread_data",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .unread = 300,
                   .final_state = "ESTABLISHED",
                   .rst_sent = true}},
                 {{"TCPAbortOnClose", 1}, {"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/linger_zero",
       .about = "SO_LINGER with zero seconds makes close() a reset, and unsent data is dropped.",
       .run = linger_zero,
       .usual = {{{.cls = "abortive",
                   .reason = "linger_zero",
                   .never_sent = 4000,
                   .unacked = 600,
                   .final_state = "ESTABLISHED",
                   .linger_seconds = 0,
                   .linger = "zero",
                   .rst_sent = true}},
                 {{"TCPAbortOnData", 1}, {"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/data_after_close",
       .about =
           "The peer sends data after the application has closed; the kernel answers with reset.",
       .run = data_after_close,
       .usual = {{{.cls = "abortive",
                   .reason = "data_after_close",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .received = 0,
                   .final_state = "FIN_WAIT1",
                   .rst_sent = true,
                   .error = "ECONNRESET"}},
                 {{"TCPAbortOnData", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/reset_by_peer",
       .about = "The peer resets while the application holds the connection.",
       .run = reset_by_peer,
       .usual = {{{.cls = "abortive",
                   .reason = "reset_by_peer",
                   .never_sent = 4000,
                   .unacked = 600,
                   .initiator = "peer",
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .rst_received = true,
                   .error = "ECONNRESET"}},
                 {{"EstabResets", 1}}}},
      {.name = "abortive/disconnected",
       .about = "connect(AF_UNSPEC) on a connection that still has data to send.",
       .run = disconnected,
       .usual = {{{.cls = "abortive",
                   .reason = "disconnected",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .rst_sent = true}},
                 {{"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/destroyed",
       .about = "Another process destroys the connection, as `ss -K` does.",
       .run = destroyed,
       .usual = {{{.cls = "abortive",
                   .reason = "destroyed",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .closed_by = "none",
                   .actor = "killer",
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .rst_sent = true,
                   .error = "ECONNABORTED"}},
                 {{"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/listener_closed",
       .about = "A listener is closed while a connection still waits to be accepted.",
       .run = listener_closed,
       .usual = {{{.cls = "abortive",
                   .reason = "listener_closed",
                   .unread = 200,
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .rst_sent = true,
                   .flags = {"never_accepted"}}},
                 {{"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/orphan_limit",
       .about = "The machine has more orphaned connections than it may, so close() resets.",
       .run = orphan_limit,
       .usual = {orphan_limit_closures(), {{"TCPAbortOnMemory", 2}, {"OutRsts", 2}}},
       .sysctls = {{"tcp_fin_timeout", "120"}},
       .host_limit = "tcp_max_orphans"},
      {.name = "abortive/linger2",
       .about = "TCP_LINGER2 below zero: the kernel does not wait for the peer's FIN but resets.",
       .run = linger2,
       .usual = {{{.cls = "abortive", .reason = "linger2", .rst_sent = true}},
                 {{"TCPAbortOnLinger", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/fin_wait2_timeout",
       .about = "The peer never closes, and the FIN_WAIT2 timer resets the connection.",
       .run = fin_wait2_timeout,
       .usual = {{{.cls = "abortive",
                   .reason = "fin_wait2_timeout",
                   .initiator = "kernel",
                   .rst_sent = true}},
                 {{"OutRsts", 1}}},
       .sysctls = {{"tcp_fin_timeout", "63"}}},
      {.name = "abortive/repair",
       .about = "The application closes in TCP_REPAIR mode: nothing is sent at all.",
       .run = repair,
       .usual = {{{.cls = "abortive",
                   .reason = "repair",
                   .never_sent = 4000,
                   .unacked = 1000,
                   .final_state = "ESTABLISHED"}},
                 {{"EstabResets", 1}}}},
  };
}

}  // namespace closewatch::demo
