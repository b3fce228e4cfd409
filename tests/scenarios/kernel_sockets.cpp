// SPDX-License-Identifier: Apache-2.0
// TCP sockets that the kernel opens for itself: below an SMC socket, and for a file system on the
// network (kernel.md A27, A28).
#include <sys/mount.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "tests/scenarios/kernel_symbols.h"
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

constexpr int kSmcFamily = 43;  // AF_SMC
constexpr int kSmcOverIpv4 = 0;
constexpr int kSmcOverIpv6 = 1;

// The peer knows no SMC: the connection falls back to the TCP socket that SMC has made.
Connection& connect_smc(Stage& stage, std::uint16_t window) {
  Connection& connection = stage.visitor(stage.owner());
  const bool ipv4 = stage.family() == Family::ipv4;
  connection.set_fd(connection.owner().run([protocol = ipv4 ? kSmcOverIpv4 : kSmcOverIpv6] {
    return ::socket(kSmcFamily, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  }));
  if (connection.fd() < 0) {
    skip("this kernel has no SMC");
  }
  stage.connect(connection, window);
  return connection;
}

void smc_close(Stage& stage) {
  Connection& connection = connect_smc(stage, kWideWindow);
  connection.write(500);
  connection.peer().await_bytes(500);
  connection.peer().ack(500);
  stage.variant(bpf_reads_tasks() ? 0 : 1);
  connection.close();
  end_orderly(connection);
}

void smc_unread(Stage& stage) {
  Connection& connection = connect_smc(stage, kNarrowWindow);
  connection.peer().send(300);
  connection.peer().await_ack_of(300);
  connection.write(5000);
  connection.peer().await_bytes(1000);
  stage.variant(bpf_reads_tasks() ? 0 : 1);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

// A call of ONC RPC without arguments or credentials, with its record mark (RFC 5531, 11).
constexpr std::uint32_t kNullCall = 44;

struct MountOptions {
  std::array<char, 128> text{};
};

MountOptions mount_options(Family family, std::uint16_t port) {
  MountOptions options;
  const char* protocol = family == Family::ipv6 ? "tcp6" : "tcp";
  std::snprintf(options.text.data(), options.text.size(),
                "vers=3,nolock,addr=%s,proto=%s,mountproto=%s,mountport=%u",
                address_text(family, End::peer).data(), protocol, protocol, unsigned{port});
  return options;
}

// The kernel asks the server for the file system and gets no answer. When the process that mounts
// is killed, a thread of the kernel closes.
void nfs_mount(Stage& stage) {
  if (stage.family() == Family::mapped) {
    skip("NFS makes no IPv6 socket for an IPv4 address");
  }
  Connection& connection = stage.visitor(stage.owner());
  Actor& owner = connection.owner();
  // Without an address it fails at once, one way or the other.
  const int error =
      owner.run([] { return ::mount("server:/", "/", "nfs", 0, "") == 0 ? 0 : errno; });
  if (error == ENODEV) {
    skip("this kernel has no NFS");
  }
  owner.start([options = mount_options(stage.family(), connection.peer().port())] {
    return ::mount("server:/", "/", "nfs", 0, options.text.data()) == 0 ? 0 : errno;
  });
  connection.peer().await_syn();
  connection.note_ports();
  connection.peer().accept(kWideWindow);
  connection.peer().await_bytes(kNullCall);
  connection.truth().written = kNullCall;
  connection.peer().ack(kNullCall);
  owner.signal(SIGKILL);
  owner.await_exit();
  // It shuts down first, and lets go of the socket only then (xs_reset_transport()).
  connection.peer().await_fin();
  connection.await_orphan();
  end_orderly(connection);
}

}  // namespace

std::vector<Situation> kernel_socket_situations() {
  const Expected below{.cls = "graceful", .reason = "local_first", .flags = {"kernel_socket"}};
  const Expected unread{.cls = "abortive",
                        .reason = "unread_data",
                        .never_sent = 4000,
                        .unacked = 1000,
                        .unread = 300,
                        .final_state = "ESTABLISHED",
                        .rst_sent = true,
                        .flags = {"kernel_socket"}};
  // An observer that cannot read tasks does not know in which call the kernel closed its socket.
  const auto by_kernel = [](Expected expected) {
    expected.closed_by = "kernel";
    return expected;
  };
  Expected by_worker = by_kernel(below);
  by_worker.process = kKernelWorker;
  const std::vector<CounterDelta> reset{{"TCPAbortOnClose", 1}, {"EstabResets", 1}, {"OutRsts", 1}};
  return {
      {.name = "protocol/smc/close",
       .about = "An SMC socket that fell back to TCP is closed.",
       .run = smc_close,
       .usual = {{below}, {}},
       .others = {{{by_kernel(below)}, {}}}},
      {.name = "protocol/smc/unread_data",
       .about = "An SMC socket that fell back to TCP is closed with data unread.",
       .run = smc_unread,
       .usual = {{unread}, reset},
       .others = {{{by_kernel(unread)}, reset}}},
      {.name = "protocol/nfs/mount",
       .about = "A connection of the kernel's NFS client, closed by a thread of the kernel.",
       .run = nfs_mount,
       .usual = {{by_worker}, {}}},
  };
}

}  // namespace closewatch::scenarios
