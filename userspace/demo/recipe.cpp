// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/recipe.h"

#include <sched.h>

namespace closewatch::demo {

void get_stuck(Connection& connection) {
  connection.write(5000);
  connection.peer().await_bytes(1000);
  connection.await_queues(kStuck);
}

Connection& connect_stuck(Stage& stage) {
  Connection& connection = stage.connect(kNarrowWindow);
  get_stuck(connection);
  return connection;
}

void drain(Connection& connection, std::uint32_t total) {
  Peer& peer = connection.peer();
  peer.window(kWideWindow);
  for (std::uint32_t taken = peer.sent_by_kernel(); taken < total; taken = peer.sent_by_kernel()) {
    peer.ack(taken);
    peer.await_bytes(taken + 1);
  }
  peer.await_fin();
  peer.ack_all();
}

void exchange(Connection& connection, std::uint32_t bytes) {
  connection.write(bytes);
  connection.peer().await_bytes(bytes);
  connection.peer().ack(bytes);
  connection.await_queues({});
}

void write_for_fin(Connection& connection, std::uint32_t bytes) {
  connection.write(bytes, MSG_MORE);
}

void end_orderly(Connection& connection) {
  connection.peer().await_fin();
  connection.peer().ack_all();
  peer_follows(connection);
}

void peer_follows(Connection& connection) {
  connection.peer().fin();
  connection.peer().await_ack_of_fin();
  connection.await_end();
}

std::vector<Connection*> crowd_of_orphans(Stage& stage) {
  stage.owner().run([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    ::sched_setaffinity(0, sizeof one, &one);
  });
  std::vector<Connection*> orphans;
  for (std::uint32_t i = 0; i < kCrowd; ++i) {
    Connection& orphan = stage.connect();
    orphan.close();
    orphan.peer().await_fin();
    orphan.peer().ack_all();
    orphans.push_back(&orphan);
  }
  return orphans;
}

}  // namespace closewatch::demo
