// SPDX-License-Identifier: Apache-2.0
#include <netinet/tcp.h>

#include "userspace/demo/catalogue.h"
#include "userspace/demo/recipe.h"

namespace closewatch::demo {
namespace {

void local_first(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.close();
  end_orderly(connection);
}

void peer_first(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.peer().fin();
  connection.await_state(TCP_CLOSE_WAIT);
  connection.close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.await_gone();
}

void simultaneous(Stage& stage) {
  Connection& connection = stage.connect();
  connection.await_queues({});
  connection.close();
  connection.peer().await_fin();
  connection.peer().fin();
  connection.await_state(TCP_CLOSING);
  connection.peer().ack_all();
  connection.await_end();
}

void linger_completed(Stage& stage) {
  Connection& connection = stage.connect();
  connection.linger(20);
  write_for_fin(connection, 500);
  auto closing = connection.start_close();
  connection.peer().await_fin();
  connection.peer().ack_all();
  connection.finish_close(closing);
  peer_follows(connection);
}

}  // namespace

std::vector<Situation> graceful_situations() {
  return {
      {.name = "graceful/local_first",
       .about = "The application closes after everything was acknowledged; then the peer closes.",
       .run = local_first,
       .usual = {{{.cls = "graceful", .reason = "local_first"}}, {}}},
      {.name = "graceful/peer_first",
       .about = "The peer closes first; the application sees that and closes as well.",
       .run = peer_first,
       .usual = {{{.cls = "graceful",
                   .reason = "peer_first",
                   .initiator = "peer",
                   .state_at_close = "CLOSE_WAIT",
                   .final_state = "LAST_ACK"}},
                 {}}},
      {.name = "graceful/simultaneous",
       .about = "Both ends close at the same time: their FINs cross.",
       .run = simultaneous,
       .usual = {{{.cls = "graceful", .reason = "simultaneous", .final_state = "CLOSING"}}, {}}},
      {.name = "lingered/linger_completed",
       .about = "close() waits for SO_LINGER, and the peer acknowledges everything in time.",
       .run = linger_completed,
       .usual = {{{.cls = "lingered",
                   .reason = "linger_completed",
                   .linger_seconds = 20,
                   .linger = "completed"}},
                 {}}},
  };
}

}  // namespace closewatch::demo
