// SPDX-License-Identifier: Apache-2.0
// Connections that BPF programs of others handle: sockmap, bpf_sock_destroy() (kernel.md A25, B8).
#include "tests/scenarios/programs.h"
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void join(Connection& connection, Verdict verdict) {
  const int error =
      connection.owner().run([fd = connection.fd(), verdict] { return join_sockmap(fd, verdict); });
  if (error == -EINVAL || error == -EOPNOTSUPP) {
    skip("this kernel has no sockmap for TCP");
  }
  if (error != 0) {
    give_up("sockmap: errno " + std::to_string(-error));
  }
}

void sockmap_close(Stage& stage) {
  Connection& connection = stage.connect();
  join(connection, Verdict::none);
  exchange(connection, 500);
  connection.close();
  end_orderly(connection);
}

// SIOCINQ tells what the map's queue has, and that is empty.
void sockmap_unread(Stage& stage) {
  Connection& connection = stage.connect(kNarrowWindow);
  join(connection, Verdict::none);
  connection.peer().send(300);
  connection.peer().await_ack_of(300);
  connection.write(5000);
  connection.peer().await_bytes(1000);
  connection.close();
  connection.peer().await_rst();
  connection.await_end();
}

// What the program took is no longer in the receive queue, so close() does not reset. Whether the
// kernel counts it as read when it is taken or when recv() has copied it, the table of sockets
// says.
void sockmap_verdict(Stage& stage) {
  Connection& connection = stage.connect();
  join(connection, Verdict::pass);
  connection.peer().send(300);
  connection.peer().await_ack_of(300);
  const std::optional<TableEntry> entry = connection.entry();
  if (!entry) {
    give_up("no socket");
  }
  stage.variant(entry->unread == 300 ? 0 : 1);
  connection.close();
  end_orderly(connection);
}

void destroy(Actor& killer, Connection& connection) {
  const int error =
      killer.run([own = connection.peer().kernel_port(), other = connection.peer().port()] {
        return destroy_by_program(own, other);
      });
  if (error == -ENOENT) {
    skip("this kernel has no bpf_sock_destroy()");
  }
  if (error != 0) {
    give_up("bpf_sock_destroy(): errno " + std::to_string(-error));
  }
  connection.peer().await_rst();
  connection.await_end();
}

void destroyed_owned(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  destroy(stage.actor("killer"), connection);
  connection.close();
}

void destroyed_orphan(Stage& stage) {
  Connection& connection = connect_stuck(stage);
  connection.close();
  connection.await_state(TCP_FIN_WAIT1);
  destroy(stage.actor("killer"), connection);
}

}  // namespace

std::vector<Situation> bpf_situations() {
  const Expected plain{.cls = "graceful", .reason = "local_first"};
  Expected taken = plain;
  taken.unread = 300;
  const Expected unread{.cls = "abortive",
                        .reason = "unread_data",
                        .never_sent = 4000,
                        .unacked = 1000,
                        .unread = 300,
                        .final_state = "ESTABLISHED",
                        .rst_sent = true};
  const Expected owned{.cls = "abortive",
                       .reason = "destroyed",
                       .never_sent = 4000,
                       .unacked = 1000,
                       .closed_by = "none",
                       .actor = "killer",
                       .state_at_close = "",
                       .final_state = "ESTABLISHED",
                       .rst_sent = true,
                       .error = "ECONNABORTED"};
  Expected orphan = owned;
  orphan.closed_by = "close";
  orphan.state_at_close = "ESTABLISHED";
  orphan.final_state = "FIN_WAIT1";
  return {
      {.name = "protocol/sockmap/close",
       .about = "A connection in a sockmap is closed.",
       .run = sockmap_close,
       .usual = {{plain}, {}}},
      {.name = "protocol/sockmap/unread_data",
       .about = "A connection in a sockmap is closed with data unread: the kernel resets.",
       .run = sockmap_unread,
       .usual = {{unread}, {{"TCPAbortOnClose", 1}, {"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "protocol/sockmap/verdict",
       .about = "What a program of a sockmap took in and nobody read does not make close() reset.",
       .run = sockmap_verdict,
       .usual = {{taken}, {}},
       .others = {{{plain}, {}}}},
      {.name = "abortive/destroyed/by_program",
       .about = "A BPF program destroys the connection of another process.",
       .run = destroyed_owned,
       .usual = {{owned}, {{"EstabResets", 1}, {"OutRsts", 1}}}},
      {.name = "abortive/destroyed/by_program_orphan",
       .about = "A BPF program destroys a connection that its owner has closed.",
       .run = destroyed_orphan,
       .usual = {{orphan}, {{"OutRsts", 1}}}},
  };
}

}  // namespace closewatch::scenarios
