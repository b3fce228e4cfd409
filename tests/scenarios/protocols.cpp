// SPDX-License-Identifier: Apache-2.0
// TCP with something above or beside it: kTLS, MPTCP, TCP Fast Open (kernel.md A24, A26, B15).
#include <linux/tls.h>

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

// The child serves before the handshake is complete, and closes straight from SYN_RECV.
void fast_open_server(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.visitor(owner);
  connection.peer().send_syn_with_data(kListenPort, 100);
  connection.peer().await_syn_ack();
  connection.note_ports();
  stage.accept(connection, listener);
  connection.read(100);
  connection.write(500);
  connection.close();
  connection.peer().await_bytes(500);
  connection.peer().ack_all();
  end_orderly(connection);
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
  Expected early = plain;
  early.state_at_close = "SYN_RECV";
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
      {.name = "protocol/fast_open_server",
       .about = "A TCP Fast Open server closes before the handshake is complete.",
       .run = fast_open_server,
       .usual = {{early}, {}},
       .sysctls = {{"tcp_fastopen", "1538"}}},
  };
}

}  // namespace closewatch::scenarios
