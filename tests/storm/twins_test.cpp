// SPDX-License-Identifier: Apache-2.0
// Two namespaces with the same addresses and ports at the same time: only the namespace tells the
// connections apart.
#include <array>

#include "tests/storm/child.h"
#include "tests/storm/connection.h"
#include "tests/storm/network.h"
#include "tests/storm/shared.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

constexpr std::uint16_t kServerPort = 5000;
constexpr std::uint16_t kFirstClientPort = 20000;
constexpr std::size_t kConnections = 200;

struct TwinScene {
  Sign connected, go;
  std::array<std::uint32_t, 2> networks{};
};

void be_twin(TwinScene& scene, std::size_t twin) {
  enter_new_network();
  scene.networks[twin] = network_inode();
  const Listener listener(kServerPort);
  std::array<Connection, kConnections> connections;
  for (std::size_t i = 0; i < kConnections; ++i) {
    connections[i] = listener.connect(kLoopback, static_cast<std::uint16_t>(kFirstClientPort + i));
  }
  scene.connected.give();
  scene.go.await();
  for (Connection& connection : connections) {
    if (twin == 1) {
      set_linger_zero(connection.client.get());
    }
    connection.client.reset();
    connection.server.reset();
  }
  await_closed(1);
}

class twins : public Suite {};

TEST_F(twins, are_told_apart) {
  Closewatch closewatch({.program = program(), .arguments = {"trace", "-j"}});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  const Shared<TwinScene> scene = make_shared_value<TwinScene>();
  std::array<Child, 2> children{Child([&] { be_twin(*scene, 0); }),
                                Child([&] { be_twin(*scene, 1); })};
  scene->connected.await();
  scene->connected.await();
  scene->go.give(2);
  const std::array<pid_t, 2> pids{children[0].pid(), children[1].pid()};
  for (Child& child : children) {
    ASSERT_EQ(child.wait(), 0);
  }
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const Story story(closewatch.output());
  for (std::size_t twin = 0; twin < 2; ++twin) {
    const std::vector<Json> closures = story.of_network(scene->networks[twin]);
    EXPECT_EQ(closures.size(), 2 * kConnections);
    EXPECT_EQ(count(closures, twin == 0 ? "local_first" : "linger_zero"), kConnections);
    EXPECT_EQ(count(closures, twin == 0 ? "peer_first" : "reset_by_peer"), kConnections);
    for (const Json& closure : closures) {
      EXPECT_EQ(closure["process"]["pid"], pids[twin]) << closure;
    }
  }
}

}  // namespace
}  // namespace closewatch::storm
