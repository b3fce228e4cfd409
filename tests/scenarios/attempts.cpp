// SPDX-License-Identifier: Apache-2.0
// Connections that never were: the ways out of SYN_SENT and SYN_RECV (kernel.md A12, A19, B1, B6,
// B7).
#include <fcntl.h>

#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

// connect() without waiting; the SYN is out.
Connection& begin(Stage& stage) {
  Connection& connection = stage.socket();
  connection.owner().run([fd = connection.fd()] { ::fcntl(fd, F_SETFL, O_NONBLOCK); });
  const int error = stage.start_connect(connection).get();
  if (error != EINPROGRESS) {
    give_up("connect(): errno " + std::to_string(error));
  }
  connection.peer().await_syn();
  connection.note_ports();
  return connection;
}

void linger_zero(Stage& stage) {
  Connection& connection = begin(stage);
  connection.linger(0);
  connection.close();
  connection.await_gone();
}

void exited(Stage& stage) {
  Connection& connection = begin(stage);
  connection.owner().start([] { ::_exit(0); });
  connection.owner().await_exit();
  connection.await_gone();
}

void disconnected(Stage& stage) {
  Connection& connection = begin(stage);
  connection.owner().run([fd = connection.fd()] {
    const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    ::connect(fd, &nowhere, sizeof nowhere);
  });
  connection.await_gone();
  connection.close();
}

void destroyed(Stage& stage) {
  Connection& connection = begin(stage);
  destroy_socket(stage.actor("killer"), connection);
  connection.await_gone();
  connection.close();
}

void host_unreachable(Stage& stage) {
  Connection& connection = begin(stage);
  connection.peer().send_unreachable(Unreachable::host);
  connection.await_gone();
  connection.close();
}

// A second socket with the same two ends: connect() fails before a SYN is sent.
void no_free_port(Stage& stage) {
  Connection& first = stage.socket();
  first.set(SOL_SOCKET, SO_REUSEADDR, 1);
  stage.connect(first, kWideWindow);
  Connection& second = stage.socket();
  second.set(SOL_SOCKET, SO_REUSEADDR, 1);
  const int error =
      second.owner().run([fd = second.fd(), family = stage.family(),
                          own = first.peer().kernel_port(), other = first.peer().port()] {
        const auto local = socket_address(family, End::kernel, own);
        const auto peer = socket_address(family, End::peer, other);
        if (::bind(fd, local.get(), local.length) != 0) {
          return errno;
        }
        return ::connect(fd, peer.get(), peer.length) == 0 ? 0 : errno;
      });
  if (error != EADDRNOTAVAIL) {
    give_up("connect(): errno " + std::to_string(error));
  }
  second.close();
  first.close();
  end_orderly(first);
}

// Both ends sent a SYN (simultaneous open); then the peer resets.
void reset_in_syn_recv(Stage& stage) {
  Connection& connection = begin(stage);
  connection.peer().cross_syn();
  connection.await_state(TCP_SYN_RECV);
  connection.peer().rst();
  connection.await_gone();
  connection.close();
}

void simultaneous_open(Stage& stage) {
  Connection& connection = begin(stage);
  connection.peer().cross_syn();
  connection.await_state(TCP_SYN_RECV);
  connection.peer().finish_handshake(kWideWindow);
  connection.await_state(TCP_ESTABLISHED);
  exchange(connection, 500);
  connection.close();
  end_orderly(connection);
}

// Data that travelled in the SYN is lost with it, silently.
void fast_open(Stage& stage) {
  Connection& connection = stage.socket();
  const int error = connection.owner().run(
      [fd = connection.fd(), family = stage.family(), port = connection.peer().port()] {
        const auto peer = socket_address(family, End::peer, port);
        std::array<char, 300> data{};
        const ssize_t sent = ::sendto(fd, data.data(), data.size(), MSG_FASTOPEN | MSG_DONTWAIT,
                                      peer.get(), peer.length);
        return sent == static_cast<ssize_t>(data.size()) || errno == EINPROGRESS ? 0 : errno;
      });
  if (error != 0) {
    skip("this kernel has no TCP Fast Open without a cookie");
  }
  connection.peer().await_syn();
  connection.note_ports();
  connection.close();
  connection.await_gone();
}

Expected attempt(std::string_view reason) {
  return {.cls = "unestablished",
          .reason = reason,
          .state_at_close = "SYN_SENT",
          .final_state = "SYN_SENT"};
}

Expected failed(std::string_view reason, std::string_view initiator, std::string_view error) {
  Expected expected = attempt(reason);
  expected.initiator = initiator;
  expected.closed_by = "none";
  expected.state_at_close = "";
  expected.error = error;
  return expected;
}

}  // namespace

std::vector<Situation> attempt_situations() {
  const std::vector<CounterDelta> fails{{"AttemptFails", 1}};
  Expected with_linger = attempt("closed_in_syn_sent");
  with_linger.linger_seconds = 0;
  with_linger.linger = "zero";
  Expected at_exit = attempt("closed_in_syn_sent");
  at_exit.closed_by = "exit";
  Expected killed = failed("connect_error", "local", "ECONNABORTED");
  killed.actor = "killer";
  Expected crossed = failed("refused", "peer", "ECONNRESET");
  crossed.final_state = "SYN_RECV";
  crossed.rst_received = true;
  Expected with_data = attempt("closed_in_syn_sent");
  with_data.unacked = 300;
  return {
      {.name = "unestablished/closed_in_syn_sent/linger_zero",
       .about = "SO_LINGER {1, 0} and close() before an answer: nothing is sent.",
       .run = linger_zero,
       .usual = {{with_linger}, {{"TCPAbortOnData", 1}}}},
      {.name = "unestablished/closed_in_syn_sent/exit",
       .about = "The process exits before an answer.",
       .run = exited,
       .usual = {{at_exit}, {}}},
      {.name = "unestablished/connect_error/disconnected",
       .about = "connect(AF_UNSPEC) before an answer.",
       .run = disconnected,
       .usual = {{failed("connect_error", "kernel", "")}, {}}},
      {.name = "unestablished/connect_error/destroyed",
       .about = "SOCK_DESTROY before an answer.",
       .run = destroyed,
       .usual = {{killed}, fails}},
      {.name = "unestablished/connect_error/host_unreachable",
       .about = "A router reports that the host cannot be reached.",
       .run = host_unreachable,
       .usual = {{failed("connect_error", "kernel", "EHOSTUNREACH")}, fails}},
      {.name = "unestablished/connect_error/no_free_port",
       .about = "There is a connection with the same two ends already: connect() fails at once.",
       .run = no_free_port,
       .usual = {{failed("connect_error", "kernel", ""),
                  {.cls = "graceful", .reason = "local_first"}},
                 {}}},
      {.name = "unestablished/refused/syn_recv",
       .about = "The SYNs cross, then the peer resets.",
       .run = reset_in_syn_recv,
       .usual = {{crossed}, fails}},
      {.name = "graceful/local_first/simultaneous_open",
       .about = "The SYNs cross, and it becomes a connection that ends in order.",
       .run = simultaneous_open,
       .usual = {{{.cls = "graceful", .reason = "local_first"}}, {}}},
      {.name = "unestablished/closed_in_syn_sent/fast_open",
       .about = "300 bytes went out with the SYN (TCP Fast Open) and are lost.",
       .run = fast_open,
       .usual = {{with_data}, {}},
       .sysctls = {{"tcp_fastopen", "5"}}},
  };
}

}  // namespace closewatch::scenarios
