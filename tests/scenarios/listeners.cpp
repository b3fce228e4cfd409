// SPDX-License-Identifier: Apache-2.0
// What waits in a listener's queues when it goes away or is full (kernel.md A21-A23, B12-B14).
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

// One connection with 200 bytes that nobody read.
Connection& waiting(Stage& stage, Actor& owner) {
  Connection& connection = stage.arrive(owner);
  connection.peer().send(200);
  connection.peer().await_ack_of(200);
  return connection;
}

void finish(Connection& connection) {
  connection.peer().await_rst();
  connection.await_gone();
}

void by_exit(Stage& stage) {
  Actor& owner = stage.owner();
  stage.listen(owner);
  Connection& connection = waiting(stage, owner);
  owner.start([] { ::_exit(0); });
  finish(connection);
}

void by_kill(Stage& stage) {
  Actor& owner = stage.owner();
  stage.listen(owner);
  Connection& connection = waiting(stage, owner);
  owner.signal(SIGKILL);
  finish(connection);
}

void by_shutdown(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = waiting(stage, owner);
  owner.run([listener] { ::shutdown(listener, SHUT_RD); });
  finish(connection);
}

void peer_closed(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = waiting(stage, owner);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  owner.run([listener] { ::close(listener); });
  finish(connection);
}

void several(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  std::vector<Connection*> connections;
  for (int i = 0; i < 3; ++i) {
    connections.push_back(&waiting(stage, owner));
  }
  owner.run([listener] { ::close(listener); });
  for (Connection* connection : connections) {
    finish(*connection);
  }
}

// The last process that holds the listener takes the connections with it.
void by_last_holder(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Actor& child = stage.fork_of(owner, "child");
  Connection& connection = waiting(stage, owner);
  owner.run([listener] { ::close(listener); });
  child.run([listener] { ::close(listener); });
  finish(connection);
}

// Two listeners share the port; the kernel may hand the connection to the other.
void migrated(Stage& stage) {
  Actor& owner = stage.owner();
  struct Pair {
    int first;
    int second;
  };
  const Pair listeners = owner.run([family = stage.family()] {
    const auto open = [family] {
      const int fd = ::socket(socket_family(family), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
      const int on = 1;
      const auto address = socket_address(family, End::kernel, kListenPort);
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      ::bind(fd, address.get(), address.length);
      ::listen(fd, 16);
      return fd;
    };
    const int first = open();
    return Pair{first, open()};
  });
  Connection& connection = waiting(stage, owner);
  // Which of the two got it: the one that has something to accept.
  const int other = owner.run([listeners] {
    const auto ready = [](int fd) {
      pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
      return ::poll(&poll, 1, 0) == 1;
    };
    const bool first = ready(listeners.first);
    ::close(first ? listeners.first : listeners.second);
    return first ? listeners.second : listeners.first;
  });
  if (!connection.entry()) {
    stage.variant(1);
    finish(connection);
    return;
  }
  stage.accept(connection, other);
  connection.read(200);
  connection.close();
  end_orderly(connection);
}

// The listener is closed before the handshake is complete: there never was a connection.
void request_pending(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.visitor(owner);
  connection.peer().send_syn(kListenPort);
  connection.peer().await_syn_ack();
  owner.run([listener] { ::close(listener); });
  connection.peer().finish_handshake(kWideWindow);
  connection.peer().await_rst();
}

void request_reset(Stage& stage) {
  Actor& owner = stage.owner();
  stage.listen(owner);
  Connection& connection = stage.visitor(owner);
  connection.peer().send_syn(kListenPort);
  connection.peer().await_syn_ack();
  connection.note_ports();
  connection.peer().rst();
  connection.await_gone();
}

// A queue of 2 takes 3 connections. The handshakes of the third and fourth have begun when there
// was still room; tcp_abort_on_overflow resets the fourth.
void overflow(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner, 2);
  const std::array first{&waiting(stage, owner), &waiting(stage, owner)};
  Connection& third = stage.visitor(owner);
  Connection& fourth = stage.visitor(owner);
  for (Connection* connection : {&third, &fourth}) {
    connection->peer().send_syn(kListenPort);
    connection->peer().await_syn_ack();
    connection->note_ports();
  }
  third.peer().finish_handshake(kWideWindow);
  third.await_state(TCP_ESTABLISHED);
  fourth.peer().finish_handshake(kWideWindow);
  fourth.peer().await_rst();
  owner.run([listener] { ::close(listener); });
  for (Connection* connection : {first[0], first[1], &third}) {
    finish(*connection);
  }
}

void require(const Result<>& done) {
  if (!done.ok()) {
    give_up(done.error().what);
  }
}

// The way to the peer is lost within the handshake. IPv4 makes the child, looks for its route and
// puts it away (tcp_v4_syn_recv_sock(), put_and_exit); IPv6 looks first.
void no_route(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.visitor(owner);
  connection.peer().send_syn(kListenPort);
  connection.peer().await_syn_ack();
  connection.note_ports();
  require(remove_route_to_peer(stage.family()));
  if (wire_family(stage.family()) == AF_INET6) {
    stage.variant(1);
  }
  connection.peer().finish_handshake(kWideWindow);
  stage.link().await("the end of the child",
                     [] { return Counters::read().get("ListenDrops") == 1; });
  // The request outlived its child; it goes like any whose listener has gone.
  require(restore_route_to_peer(stage.family()));
  owner.run([listener] { ::close(listener); });
  connection.peer().finish_handshake(kWideWindow);
  connection.peer().await_rst();
}

// From now on the segments between `fd` and that address of the kernel's are signed (RFC 2385).
bool sign_segments(int fd, Family family) {
  tcp_md5sig signature{};
  signature.tcpm_addr = socket_address(family, End::kernel, 0).storage;
  signature.tcpm_keylen = 4;
  std::memcpy(signature.tcpm_key, "seal", 4);
  return ::setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &signature, sizeof signature) == 0;
}

// The child cannot have the listener's key, for which there is no memory (tcp_md5_key_copy(),
// tcp_v4_syn_recv_sock() and tcp_v6_syn_recv_sock()). Both ends are the kernel's.
void no_memory(Stage& stage) {
  Actor& owner = stage.owner();
  Actor& client = stage.actor("client");
  const int listener = stage.listen(owner);
  const int fd = client.run([family = stage.family()] {
    const int made = ::socket(socket_family(family), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    return sign_segments(made, family) ? made : -1;
  });
  if (fd < 0 ||
      !owner.run([listener, family = stage.family()] { return sign_segments(listener, family); })) {
    skip("this kernel cannot sign segments");
  }
  const int limit = ::open("/proc/sys/net/core/optmem_max", O_WRONLY | O_CLOEXEC);
  if (limit < 0) {
    skip("the limit of memory for options is the machine's on this kernel");
  }
  if (::write(limit, "64", 2) != 2) {
    give_up("lowering optmem_max");
  }
  ::close(limit);
  const std::uint16_t port = client.run([fd, family = stage.family()]() -> std::uint16_t {
    const auto address = socket_address(family, End::kernel, kListenPort);
    SocketAddress own;
    own.length = sizeof own.storage;
    const bool done =
        ::connect(fd, address.get(), address.length) == 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&own.storage), &own.length) == 0;
    const auto* const in = reinterpret_cast<const sockaddr_in*>(&own.storage);  // in6 begins alike
    return done ? ntohs(in->sin_port) : 0;
  });
  if (port == 0) {
    give_up("connecting with signed segments");
  }
  ConnectionTruth& child = stage.note_connection(End::kernel, End::kernel);
  child.local_port = kListenPort;
  child.peer_port = port;
  ConnectionTruth& visitor = stage.note_connection(End::kernel, End::kernel);
  visitor.local_port = port;
  visitor.peer_port = kListenPort;
  stage.link().await("the end of the child",
                     [] { return Counters::read().get("ListenDrops") == 1; });
  // The request outlives its child. It waits for one more ACK, which the client has no cause to
  // send.
  stage.link().await("the end of the request", [family = stage.family(), port] {
    return !find_socket(family, kListenPort, port);
  });
  client.run([fd] {
    const ::linger abort{.l_onoff = 1, .l_linger = 0};
    return ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0 && ::close(fd) == 0;
  });
}

void no_listener(Stage& stage) {
  Connection& connection = stage.visitor(stage.owner());
  connection.peer().send_syn(kListenPort);
  connection.peer().await_rst();
}

Expected dropped(std::uint32_t connection = 0) {
  return {.cls = "abortive",
          .reason = "listener_closed",
          .connection = connection,
          .unread = 200,
          .state_at_close = "",
          .final_state = "ESTABLISHED",
          .rst_sent = true,
          .flags = {"never_accepted"}};
}

}  // namespace

std::vector<Situation> listener_situations() {
  const std::vector<CounterDelta> one{{"EstabResets", 1}, {"OutRsts", 1}};
  Expected at_exit = dropped();
  at_exit.closed_by = "exit";
  Expected killed = dropped();
  killed.closed_by = "signal";
  killed.signal = SIGKILL;
  Expected shut = dropped();
  shut.closed_by = "shutdown";
  const Expected stillborn{.cls = "unestablished",
                           .reason = "connect_error",
                           .initiator = "kernel",
                           .closed_by = "none",
                           .process = "",
                           .state_at_close = "",
                           .final_state = "SYN_RECV"};
  const Expected turned_away{.cls = "abortive",
                             .reason = "linger_zero",
                             .connection = 1,
                             .process = "client",
                             .final_state = "ESTABLISHED",
                             .linger_seconds = 0,
                             .linger = "zero",
                             .rst_sent = true};
  Expected closed = dropped();
  closed.final_state = "CLOSE_WAIT";
  Expected inherited = dropped();
  inherited.actor = "child";
  Expected last_in = dropped(2);
  last_in.unread = 0;
  const Expected moved{.cls = "graceful", .reason = "local_first"};
  return {
      {.name = "abortive/listener_closed/exit",
       .about = "The listening process exits.",
       .run = by_exit,
       .usual = {{at_exit}, one}},
      {.name = "abortive/listener_closed/kill",
       .about = "The listening process is killed.",
       .run = by_kill,
       .usual = {{killed}, one}},
      {.name = "abortive/listener_closed/shutdown",
       .about = "shutdown(SHUT_RD) on the listener.",
       .run = by_shutdown,
       .usual = {{shut}, one}},
      {.name = "abortive/listener_closed/peer_closed",
       .about = "The peer sent, closed and was never accepted.",
       .run = peer_closed,
       .usual = {{closed}, one}},
      {.name = "abortive/listener_closed/several",
       .about = "Three connections wait when the listener is closed.",
       .run = several,
       .usual = {{dropped(0), dropped(1), dropped(2)}, {{"EstabResets", 3}, {"OutRsts", 3}}}},
      {.name = "abortive/listener_closed/last_holder",
       .about = "A forked child is the last to close the listener.",
       .run = by_last_holder,
       .usual = {{inherited}, one}},
      {.name = "graceful/local_first/migrated",
       .about = "tcp_migrate_req hands the waiting connection to another listener.",
       .run = migrated,
       .usual = {{moved}, {{"TCPMigrateReqSuccess", 1}}},
       .sysctls = {{"tcp_migrate_req", "1"}},
       .others = {{{dropped()}, one}}},
      {.name = "none/request_pending",
       .about = "The listener is closed during the handshake: no connection, a reset of no socket.",
       .run = request_pending,
       .usual = {{}, {{"OutRsts", 1}}}},
      {.name = "none/request_reset",
       .about = "The peer resets during the handshake: no connection.",
       .run = request_reset,
       .usual = {{}, {{"AttemptFails", 1}, {"EmbryonicRsts", 1}}}},
      {.name = "none/no_listener",
       .about = "A SYN to a port where nobody listens.",
       .run = no_listener,
       .usual = {{}, {{"OutRsts", 1}}}},
      {.name = "abortive/listener_closed/overflow",
       .about = "tcp_abort_on_overflow resets what does not fit into the queue: no connection.",
       .run = overflow,
       .usual = {{dropped(0), dropped(1), last_in},
                 {{"EstabResets", 3},
                  {"OutRsts", 4},
                  {"EmbryonicRsts", 1},
                  {"ListenOverflows", 1},
                  {"ListenDrops", 1}}},
       .sysctls = {{"tcp_abort_on_overflow", "1"}}},
      {.name = "unestablished/connect_error/no_route",
       .about = "The route to the peer is gone when its ACK comes: the child dies in SYN_RECV.",
       .run = no_route,
       .usual = {{stillborn}, {{"AttemptFails", 1}, {"ListenDrops", 1}, {"OutRsts", 1}}},
       .others = {{{}, {{"ListenDrops", 1}, {"OutRsts", 1}}}}},
      {.name = "unestablished/connect_error/no_memory",
       .about = "There is no memory for what the child needs of its listener: it dies in SYN_RECV.",
       .run = no_memory,
       .usual = {{stillborn, turned_away},
                 {{"AttemptFails", 1},
                  {"ListenDrops", 1},
                  {"TCPAbortOnData", 1},
                  {"EstabResets", 1},
                  {"OutRsts", 1}}},
       .sysctls = {{"tcp_synack_retries", "0"}}},
  };
}

}  // namespace closewatch::scenarios
