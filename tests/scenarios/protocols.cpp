// SPDX-License-Identifier: Apache-2.0
// TCP with something above or beside it: kTLS, MPTCP, TCP Fast Open (kernel.md A24, A26, B15).
#include <linux/tls.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tests/scenarios/kernel_symbols.h"
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

constexpr int kTlsLevel = 282;       // SOL_TLS
constexpr int kMptcpProtocol = 262;  // IPPROTO_MPTCP

// From now on what the owner sends is one TLS record per send(): 29 bytes more each.
constexpr std::uint32_t kRecordOverhead = 29;

void start_tls(Connection& connection) {
  const bool done = connection.owner().run([fd = connection.fd()] {
    tls12_crypto_info_aes_gcm_128 keys{};
    keys.info.version = TLS_1_2_VERSION;
    keys.info.cipher_type = TLS_CIPHER_AES_GCM_128;
    return ::setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0 &&
           ::setsockopt(fd, kTlsLevel, TLS_TX, &keys, sizeof keys) == 0;
  });
  if (!done) {
    skip("this kernel has no TLS");
  }
}

void send_record(Connection& connection, std::uint32_t bytes) {
  const bool sent = connection.owner().run([fd = connection.fd(), bytes] {
    std::array<char, 5000> data{};
    return ::send(fd, data.data(), bytes, 0) == static_cast<ssize_t>(bytes);
  });
  if (!sent) {
    give_up("send() over TLS");
  }
  connection.truth().written += bytes + kRecordOverhead;
}

void tls_close(Stage& stage) {
  Connection& connection = stage.connect();
  start_tls(connection);
  send_record(connection, 500);
  connection.peer().await_bytes(500 + kRecordOverhead);
  connection.peer().ack_all();
  connection.await_queues({});
  connection.close();
  end_orderly(connection);
}

void tls_linger_zero(Stage& stage) {
  Connection& connection = stage.connect(kNarrowWindow);
  start_tls(connection);
  send_record(connection, 5000);
  connection.peer().await_bytes(1000);
  connection.await_queues({.never_sent = 4000 + kRecordOverhead, .unacked = 1000});
  connection.linger(0);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

// The peer knows no MPTCP: the connection falls back to TCP, below an MPTCP socket.
Connection& connect_mptcp(Stage& stage) {
  Connection& connection = stage.visitor(stage.owner());
  connection.set_fd(connection.owner().run([domain = socket_family(stage.family())] {
    return ::socket(domain, SOCK_STREAM | SOCK_CLOEXEC, kMptcpProtocol);
  }));
  if (connection.fd() < 0) {
    skip("this kernel has no MPTCP, or it is off");
  }
  stage.connect(connection, kWideWindow);
  return connection;
}

void mptcp_close(Stage& stage) {
  Connection& connection = connect_mptcp(stage);
  connection.write(500);
  connection.peer().await_bytes(500);
  connection.peer().ack(500);
  connection.close();
  end_orderly(connection);
}

void mptcp_peer_first(Stage& stage) {
  Connection& connection = connect_mptcp(stage);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_gone();
}

// What the peer sent has left the subflow: it is the MPTCP socket in which it is unread. Having
// fallen back, that one does not reset.
void mptcp_unread(Stage& stage) {
  Connection& connection = connect_mptcp(stage);
  connection.peer().send(300);
  connection.peer().await_ack_of(300);
  connection.read(100);
  stage.variant(bpf_reads_subflows() ? 0 : 1);
  connection.close();
  end_orderly(connection);
}

// The peer, who knows no MPTCP, waits in the queue of an MPTCP listener.
void close_mptcp_listener(Stage& stage, void (*close)(int)) {
  Actor& owner = stage.owner();
  const int listener = owner.run([family = stage.family()] {
    const int fd = ::socket(socket_family(family), SOCK_STREAM | SOCK_CLOEXEC, kMptcpProtocol);
    const auto address = socket_address(family, End::kernel, kListenPort);
    const bool done = ::bind(fd, address.get(), address.length) == 0 && ::listen(fd, 1) == 0;
    return done ? fd : -1;
  });
  if (listener < 0) {
    skip("this kernel has no MPTCP, or it is off");
  }
  Connection& connection = stage.arrive(owner);
  connection.peer().send(200);
  connection.peer().await_ack_of(200);
  stage.variant(bpf_reads_tasks() ? 0 : 1);
  owner.run([listener, close] { close(listener); });
  connection.peer().await_rst();
  connection.await_end();
}

void mptcp_listener_closed(Stage& stage) {
  close_mptcp_listener(stage, [](int fd) { ::close(fd); });
}

// A system call as 32-bit programs make it.
long call_i386([[maybe_unused]] long number, [[maybe_unused]] long argument) {
  long result = -ENOSYS;
#ifdef __x86_64__
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(argument)
               : "memory", "r8", "r9", "r10", "r11");
#endif
  return result;
}

// Where the kernel does not take them, they end the process.
bool has_i386_calls() {
  constexpr long kGetpid = 20;
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(call_i386(kGetpid, 0) > 0 ? 0 : 1);
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

void mptcp_listener_closed_i386(Stage& stage) {
  if (!has_i386_calls()) {
    skip("this kernel takes no 32-bit system calls");
  }
  close_mptcp_listener(stage, [](int fd) {
    constexpr long kClose = 6;
    (void)call_i386(kClose, fd);
  });
}

// The child serves before the handshake is complete: it is in SYN_RECV, has read 100 bytes and
// answered with 500. What is unacknowledged SIOCOUTQ does not tell in that state.
Connection& serve_early(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.visitor(owner);
  connection.peer().send_syn_with_data(kListenPort, 100);
  connection.peer().await_syn_ack();
  connection.note_ports();
  stage.accept(connection, listener);
  connection.read(100);
  connection.write(500);
  connection.peer().await_bytes(500);
  return connection;
}

void fast_open_server(Stage& stage) {
  Connection& connection = serve_early(stage);
  connection.close();
  connection.peer().ack_all();
  end_orderly(connection);
}

// The peer says no more: the kernel sends its SYN-ACK again until it gives up.
void fast_open_silence(Stage& stage) {
  Connection& connection = serve_early(stage);
  connection.await_end();
  connection.close();
}

void fast_open_orphan(Stage& stage) {
  Connection& connection = serve_early(stage);
  connection.close();
  connection.await_end();
}

// Counted twice: as a request that was reset (tcp_check_req()) and as a socket (tcp_done()).
void fast_open_reset(Stage& stage) {
  Connection& connection = serve_early(stage);
  connection.peer().rst();
  connection.await_end();
  connection.close();
}

}  // namespace

std::vector<Situation> protocol_situations() {
  const Expected plain{.cls = "graceful", .reason = "local_first"};
  Expected tls = plain;
  tls.flags = {"tls"};
  const Expected tls_lost{.cls = "abortive",
                          .reason = "linger_zero",
                          .never_sent = 4000 + kRecordOverhead,
                          .unacked = 1000,
                          .final_state = "ESTABLISHED",
                          .linger_seconds = 0,
                          .linger = "zero",
                          .rst_sent = true,
                          .flags = {"tls"}};
  Expected subflow = plain;
  subflow.flags = {"mptcp_subflow", "kernel_socket"};
  Expected answered = subflow;
  answered.reason = "peer_first";
  answered.initiator = "peer";
  answered.state_at_close = "CLOSE_WAIT";
  answered.final_state = "LAST_ACK";
  Expected unread = subflow;
  unread.unread = 200;
  const Expected queued{.cls = "abortive",
                        .reason = "listener_closed",
                        .unread = 200,
                        .state_at_close = "",
                        .final_state = "ESTABLISHED",
                        .rst_sent = true,
                        .flags = {"never_accepted", "kernel_socket"}};
  Expected queued_by_kernel = queued;
  queued_by_kernel.closed_by = "kernel";
  Expected early = plain;
  early.state_at_close = "SYN_RECV";
  const Expected unheard{.cls = "unestablished",
                         .reason = "connect_timeout",
                         .unacked = 500,
                         .initiator = "kernel",
                         .closed_by = "none",
                         .state_at_close = "",
                         .final_state = "SYN_RECV",
                         .error = "ETIMEDOUT"};
  const Expected left{.cls = "timed_out",
                      .reason = "retransmission",
                      .unacked = 500,
                      .initiator = "kernel",
                      .state_at_close = "SYN_RECV",
                      .final_state = "FIN_WAIT1",
                      .error = "ETIMEDOUT"};
  const Expected turned_away{.cls = "unestablished",
                             .reason = "refused",
                             .unacked = 500,
                             .initiator = "peer",
                             .closed_by = "none",
                             .state_at_close = "",
                             .final_state = "SYN_RECV",
                             .rst_received = true,
                             .error = "ECONNRESET"};
  const std::vector<Sysctl> server{{"tcp_fastopen", "1538"}};
  const std::vector<Sysctl> impatient_server{{"tcp_fastopen", "1538"}, {"tcp_synack_retries", "0"}};
  return {
      {.name = "protocol/tls/close",
       .about = "kTLS: bytes are those of the records.",
       .run = tls_close,
       .usual = {{tls}, {}}},
      {.name = "protocol/tls/linger_zero",
       .about = "kTLS: 5000 bytes of the application are 5029 lost on the wire.",
       .run = tls_linger_zero,
       .usual = {{tls_lost}, {{"TCPAbortOnData", 1}, {"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "protocol/mptcp/close",
       .about = "An MPTCP socket that fell back to TCP is closed.",
       .run = mptcp_close,
       .usual = {{subflow}, {}}},
      {.name = "protocol/mptcp/peer_first",
       .about = "The peer of an MPTCP socket that fell back closes first.",
       .run = mptcp_peer_first,
       .usual = {{answered}, {}}},
      {.name = "protocol/mptcp/unread",
       .about = "An MPTCP socket that fell back to TCP is closed with data unread.",
       .run = mptcp_unread,
       .usual = {{unread}, {}},
       .others = {{{subflow}, {}}}},
      {.name = "protocol/mptcp/listener_closed",
       .about = "An MPTCP listener is closed while a connection still waits to be accepted.",
       .run = mptcp_listener_closed,
       .usual = {{queued}, {{"EstabResets", 1}, {"OutRsts", 1}}},
       .others = {{{queued_by_kernel}, {{"EstabResets", 1}, {"OutRsts", 1}}}}},
      {.name = "protocol/mptcp/listener_closed_i386",
       .about = "A 32-bit program closes an MPTCP listener that has a connection in its queue.",
       .run = mptcp_listener_closed_i386,
       .usual = {{queued}, {{"EstabResets", 1}, {"OutRsts", 1}}},
       .others = {{{queued_by_kernel}, {{"EstabResets", 1}, {"OutRsts", 1}}}}},
      {.name = "protocol/fast_open_server",
       .about = "A TCP Fast Open server closes before the handshake is complete.",
       .run = fast_open_server,
       .usual = {{early}, {}},
       .sysctls = server},
      {.name = "protocol/fast_open_server/silence",
       .about = "A TCP Fast Open server has answered, and the handshake is never completed.",
       .run = fast_open_silence,
       .usual = {{unheard}, {{"TCPAbortOnTimeout", 1}, {"AttemptFails", 1}}},
       .sysctls = impatient_server},
      {.name = "protocol/fast_open_server/orphan",
       .about = "The same after close().",
       .run = fast_open_orphan,
       .usual = {{left}, {{"TCPAbortOnTimeout", 1}}},
       .sysctls = impatient_server},
      {.name = "protocol/fast_open_server/reset",
       .about = "The peer of a TCP Fast Open server resets instead of completing the handshake.",
       .run = fast_open_reset,
       .usual = {{turned_away}, {{"AttemptFails", 2}}},
       .sysctls = server},
  };
}

}  // namespace closewatch::scenarios
