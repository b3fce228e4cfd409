// SPDX-License-Identifier: Apache-2.0
// The peer falls silent (kernel.md B2-B5, C7, C8): in which state, with what left, and which limit
// the kernel reached first.
#include <fcntl.h>

#include <ctime>
#include <string_view>

#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void owned(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  const int error = connection.owner().run([fd = connection.fd()] {
    char byte = 0;
    return ::recv(fd, &byte, 1, 0) < 0 ? errno : 0;
  });
  if (error != ETIMEDOUT) {
    give_up("recv() failed with errno " + std::to_string(error));
  }
  connection.await_end();
  connection.close();
}

void close_wait(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.await_end();
  connection.close();
}

void after_shutdown(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.shutdown(SHUT_WR);
  connection.await_end();
  connection.close();
}

void last_ack(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.close();
  connection.await_end();
}

void closing(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.peer().fin();
  connection.await_state(TCP_CLOSING);
  connection.await_end();
}

void partly_acked(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().ack(400);
  connection.await_queues({.never_sent = 4000, .unacked = 600});
  connection.close();
  connection.await_end();
}

// The error of the connection is the last that ICMP told of, not ETIMEDOUT.
void icmp_error(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().send_unreachable(Unreachable::port);
  connection.await_end();
  connection.close();
}

void exited(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.owner().start([] { ::_exit(0); });
  connection.owner().await_exit();
  connection.await_end();
}

void fin_owned(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.shutdown(SHUT_WR);
  connection.await_end();
  connection.close();
}

void fin_last_ack(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.close();
  connection.await_end();
}

// Each try to send finds no route (ip_queue_xmit(), inet6_csk_xmit()), so nothing is in flight and
// the kernel's timer is that of window probes. IPv6 keeps the error of the route.
void route_lost(Stage& stage) {
  Connection& connection = stage.connect();
  if (const auto removed = remove_route_to_peer(stage.family()); !removed.ok()) {
    give_up(removed.error().what);
  }
  if (wire_family(stage.family()) == AF_INET6) {
    stage.variant(1);
  }
  connection.write(500);
  connection.await_queues({.never_sent = 500});
  connection.await_end();
  connection.close();
}

void zero_window_owned(Stage& stage) {
  Connection& connection = stage.connect(0);
  connection.write(4000);
  connection.await_queues({.never_sent = 4000});
  connection.await_end();
  connection.close();
}

void window_closes(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.peer().window(0);
  connection.peer().ack(1000);
  connection.await_queues({.never_sent = 4000});
  connection.close();
  connection.await_end();
}

void user_timeout_zero_window(Stage& stage) {
  Connection& connection = stage.connect(0);
  connection.set(IPPROTO_TCP, TCP_USER_TIMEOUT, 700);
  connection.write(4000);
  connection.await_queues({.never_sent = 4000});
  connection.await_end();
  connection.close();
}

void user_timeout_orphan(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.set(IPPROTO_TCP, TCP_USER_TIMEOUT, 700);
  connection.close();
  connection.await_end();
}

void user_timeout_keepalive(Stage& stage) {
  Connection& connection = stage.connect();
  connection.set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
  connection.set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  connection.set(IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
  connection.await_queues({});
  connection.set(SOL_SOCKET, SO_KEEPALIVE, 1);
  connection.await_end();
  connection.close();
}

void keepalive_close_wait(Stage& stage) {
  Connection& connection = stage.connect();
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
  connection.set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  connection.set(IPPROTO_TCP, TCP_KEEPCNT, 1);
  connection.set(SOL_SOCKET, SO_KEEPALIVE, 1);
  connection.await_end();
  connection.close();
}

// Nobody had closed: the descriptor was open and no FIN was queued.
Expected open(std::string_view reason, std::uint32_t never_sent, std::uint32_t unacked) {
  return {.cls = "timed_out",
          .reason = reason,
          .never_sent = never_sent,
          .unacked = unacked,
          .initiator = "kernel",
          .closed_by = "none",
          .state_at_close = "",
          .final_state = "ESTABLISHED",
          .error = "ETIMEDOUT"};
}

bool write_file(const char* path, std::string_view text) {
  const UniqueFd file{::open(path, O_WRONLY | O_CLOEXEC)};
  return file.valid() && ::write(file.get(), text.data(), text.size()) > 0;
}

// Seconds that the machine has been suspended since it booted.
std::int64_t suspended_s() {
  timespec with{};
  timespec without{};
  ::clock_gettime(CLOCK_MONOTONIC, &without);
  ::clock_gettime(CLOCK_BOOTTIME, &with);
  return with.tv_sec - without.tv_sec;
}

// The machine sleeps between two retransmissions; the clock of the timers stands still meanwhile.
// To be awake still when the alarm comes is to sleep for ever: it takes a tenth of a second to fall
// asleep, and gets five.
void suspended(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.await_orphan();
  const std::int64_t before = suspended_s();
  if (!write_file("/sys/class/rtc/rtc0/wakealarm", "+5") ||
      !write_file("/sys/power/state", "mem")) {
    skip("this machine cannot be suspended and woken by its clock");
  }
  if (suspended_s() == before) {
    give_up("the machine did not sleep");
  }
  connection.await_end();
}

Expected orphan(std::string_view reason, std::uint32_t never_sent, std::uint32_t unacked) {
  Expected expected = open(reason, never_sent, unacked);
  expected.closed_by = "close";
  expected.state_at_close = "ESTABLISHED";
  expected.final_state = "FIN_WAIT1";
  return expected;
}

Expected in_state(Expected expected, std::string_view at_close, std::string_view at_end) {
  expected.state_at_close = at_close;
  expected.final_state = at_end;
  return expected;
}

Expected closed_by(Expected expected, std::string_view how) {
  expected.closed_by = how;
  return expected;
}

}  // namespace

std::vector<Situation> timeout_situations() {
  const std::vector<CounterDelta> established{{"TCPAbortOnTimeout", 1}, {"EstabResets", 1}};
  const std::vector<CounterDelta> closed{{"TCPAbortOnTimeout", 1}};
  const std::vector<CounterDelta> with_rst{
      {"TCPAbortOnTimeout", 1}, {"EstabResets", 1}, {"OutRsts", 1}};
  const std::vector<Sysctl> twice{{"tcp_retries2", "2"}};
  const std::vector<Sysctl> background{{"tcp_orphan_retries", "2"}};
  Expected refused = open("retransmission", 4000, 1000);
  refused.error = "ECONNREFUSED";
  Expected unsent = open("retransmission", 500, 0);
  Expected unsent_ipv6 = unsent;
  unsent_ipv6.error = "ENETUNREACH";
  Expected probed = open("user_timeout", 0, 0);
  probed.rst_sent = true;
  Expected kept = in_state(open("keepalive", 0, 0), "", "CLOSE_WAIT");
  kept.rst_sent = true;
  return {
      {.name = "timed_out/retransmission/owned",
       .about = "The application waits in recv() while the kernel gives up retransmitting.",
       .run = owned,
       .usual = {{open("retransmission", 4000, 1000)}, established},
       .sysctls = twice},
      {.name = "timed_out/retransmission/close_wait",
       .about = "The peer closed its side and then falls silent; nobody closes ours.",
       .run = close_wait,
       .usual = {{in_state(open("retransmission", 4000, 1000), "", "CLOSE_WAIT")}, established},
       .sysctls = twice},
      {.name = "timed_out/retransmission/after_shutdown",
       .about = "shutdown(SHUT_WR), the descriptor stays open, the peer is silent.",
       .run = after_shutdown,
       .usual = {{closed_by(orphan("retransmission", 4000, 1000), "shutdown")}, closed},
       .sysctls = twice},
      {.name = "timed_out/retransmission/last_ack",
       .about = "close() after the peer's FIN, then silence.",
       .run = last_ack,
       .usual = {{in_state(orphan("retransmission", 4000, 1000), "CLOSE_WAIT", "LAST_ACK")},
                 closed},
       .sysctls = background},
      {.name = "timed_out/retransmission/closing",
       .about = "The FINs crossed, then silence.",
       .run = closing,
       .usual = {{in_state(orphan("retransmission", 4000, 1000), "ESTABLISHED", "CLOSING")},
                 closed},
       .sysctls = background},
      {.name = "timed_out/retransmission/partly_acked",
       .about = "400 of 1000 bytes in flight were acknowledged before the silence.",
       .run = partly_acked,
       .usual = {{orphan("retransmission", 4000, 600)}, closed},
       .sysctls = background},
      {.name = "timed_out/retransmission/icmp_error",
       .about = "ICMP told of an unreachable port meanwhile; that becomes the error.",
       .run = icmp_error,
       .usual = {{refused}, established},
       .sysctls = twice},
      {.name = "timed_out/retransmission/route_lost",
       .about = "The route to the peer is gone: the window is open, but nothing can be sent.",
       .run = route_lost,
       .usual = {{unsent}, established},
       .sysctls = twice,
       .others = {{{unsent_ipv6}, established}}},
      {.name = "timed_out/retransmission/suspended",
       .about = "The machine is suspended and woken before the kernel gives up an orphan.",
       .run = suspended,
       .usual = {{orphan("retransmission", 4000, 1000)}, closed},
       .sysctls = background,
       .own_machine = true},
      {.name = "timed_out/retransmission/exited",
       .about = "The process is gone long before the kernel gives up.",
       .run = exited,
       .usual = {{closed_by(orphan("retransmission", 4000, 1000), "exit")}, closed},
       .sysctls = background},
      {.name = "timed_out/fin_unacked/shutdown",
       .about = "Only the FIN of shutdown(SHUT_WR) is never acknowledged.",
       .run = fin_owned,
       .usual = {{closed_by(orphan("fin_unacked", 0, 0), "shutdown")}, closed},
       .sysctls = twice},
      {.name = "timed_out/fin_unacked/last_ack",
       .about = "The peer closed first, and never acknowledges our FIN.",
       .run = fin_last_ack,
       .usual = {{in_state(orphan("fin_unacked", 0, 0), "CLOSE_WAIT", "LAST_ACK")}, closed},
       .sysctls = background},
      {.name = "timed_out/zero_window/owned",
       .about = "The window is closed from the start and no probe is answered.",
       .run = zero_window_owned,
       .usual = {{open("zero_window", 4000, 0)}, established},
       .sysctls = twice},
      {.name = "timed_out/zero_window/window_closes",
       .about = "The peer takes 1000 bytes, closes its window and falls silent.",
       .run = window_closes,
       .usual = {{orphan("zero_window", 4000, 0)}, closed},
       .sysctls = background},
      {.name = "timed_out/user_timeout/zero_window",
       .about = "TCP_USER_TIMEOUT also bounds a closed window.",
       .run = user_timeout_zero_window,
       .usual = {{open("user_timeout", 4000, 0)}, established}},
      {.name = "timed_out/user_timeout/orphan",
       .about = "TCP_USER_TIMEOUT also bounds what goes on after close().",
       .run = user_timeout_orphan,
       .usual = {{orphan("user_timeout", 4000, 1000)}, closed}},
      {.name = "timed_out/user_timeout/keepalive",
       .about = "TCP_USER_TIMEOUT ends the keepalive probes; the kernel resets.",
       .run = user_timeout_keepalive,
       .usual = {{probed}, with_rst}},
      {.name = "timed_out/keepalive/close_wait",
       .about = "The peer closed its side and is gone; one probe is not answered.",
       .run = keepalive_close_wait,
       .usual = {{kept}, with_rst}},
  };
}

}  // namespace closewatch::scenarios
