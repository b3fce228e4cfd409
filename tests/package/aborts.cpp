// SPDX-License-Identifier: Apache-2.0
// aborts N: N connections over loopback, each of which the server closes with 19 bytes unread, so
// that the client is reset. Of this process N closures are unread_data and N reset_by_peer.
#include <cstdlib>

#include "tests/storm/connection.h"

int main(int count, char** arguments) {
  using namespace closewatch::storm;
  constexpr std::size_t kUnread = 19;
  if (count != 2) {
    return 2;
  }
  const Listener listener;
  for (int left = std::atoi(arguments[1]); left > 0; --left) {
    Connection connection = listener.connect();
    give(connection.client.get(), kUnread);
    await_readable(connection.server.get(), kUnread);
    connection.server.reset();
    connection.client.reset();  // over loopback the reset is there already
  }
}
