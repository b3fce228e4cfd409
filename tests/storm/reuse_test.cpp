// SPDX-License-Identifier: Apache-2.0
// The kernel gives the memory of a dead socket to the next one, and an application connects the
// same socket again: no record may carry a fact of its predecessor. Each connection has an address
// and numbers of bytes of its own, so a fact of another one shows.
#include <arpa/inet.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>

#include "tests/storm/connection.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

constexpr std::uint32_t kFirst = 0x7f010000;  // 127.1.0.0: the address of connection 0

std::string text_of(std::uint32_t address) {
  const in_addr in{.s_addr = htonl(address)};
  std::array<char, INET_ADDRSTRLEN> text{};
  return ::inet_ntop(AF_INET, &in, text.data(), text.size());
}

// What is done to connection `number`, and what follows from that.
struct Plan {
  explicit Plan(std::uint32_t number)
      : address(kFirst + number),
        zero_linger(number % 3 == 1),
        unread(number % 2 == 0 ? number % 97 : 0),
        unsent(zero_linger || unread > 0 ? number % 89 : 0),
        sent(1 + number % 83),
        received(unread + number % 79) {}

  std::uint32_t address;
  bool zero_linger;
  std::uint32_t unread;    // bytes that the client leaves unread
  std::uint32_t unsent;    // bytes that the client hands over and the kernel holds back
  std::uint32_t sent;      // bytes from client to server, read
  std::uint32_t received;  // bytes from server to client, the unread ones included

  [[nodiscard]] bool aborts() const { return unread > 0 || zero_linger; }

  void talk(const Connection& connection) const {
    give(connection.client.get(), sent);
    take(connection.server.get(), sent);
    give(connection.server.get(), received);
    take(connection.client.get(), received - unread);
    await_readable(connection.client.get(), unread);
    give(connection.client.get(), unsent, true);
  }
};

struct Ends {
  Json client;
  Json server;
};

// The two records of each connection, by its address.
std::map<std::string, Ends> by_address(const std::vector<Json>& closures, std::uint16_t port) {
  std::map<std::string, Ends> found;
  for (const Json& closure : closures) {
    const bool client = closure["peer"]["port"] == port;
    Ends& ends = found[closure[client ? "peer" : "local"]["address"]];
    Json& place = client ? ends.client : ends.server;
    EXPECT_TRUE(place.is_null()) << "a second record: " << closure;
    place = closure;
  }
  return found;
}

void expect_end(const Json& closure, const char* reason, const Json& bytes) {
  ASSERT_TRUE(closure.is_object()) << "no record";
  EXPECT_EQ(closure["reason"], reason) << closure;
  EXPECT_EQ(closure["bytes"], bytes) << closure;
  EXPECT_EQ(closure["lost"], bytes["discarded"] != 0 || bytes["unread"] != 0) << closure;
  EXPECT_EQ(closure["process"]["pid"], ::getpid()) << closure;
  EXPECT_EQ(closure["flags"], Json::array()) << closure;
}

Json bytes(std::uint32_t unsent, std::uint32_t unread, std::uint32_t sent, std::uint32_t received) {
  return {{"never_sent", unsent}, {"unacked", 0}, {"discarded", unsent},
          {"unread", unread},     {"sent", sent}, {"received", received}};
}

class reuse : public Suite {};

TEST_F(reuse, of_memory) {
  constexpr std::uint32_t kConnections = 97 * 12;
  Closewatch closewatch = watch();
  const Listener listener;
  for (std::uint32_t number = 0; number < kConnections; ++number) {
    const Plan plan(number);
    Connection connection = listener.connect(plan.address);
    plan.talk(connection);
    if (plan.zero_linger) {
      set_linger_zero(connection.client.get());
    }
    connection.client.reset();
    connection.server.reset();
  }
  await_closed(1);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::vector<Json> closures = Story(closewatch.output()).of_network(network_);
  EXPECT_EQ(closures.size(), 2 * kConnections);
  auto found = by_address(closures, listener.port());
  for (std::uint32_t number = 0; number < kConnections && !HasFailure(); ++number) {
    const Plan plan(number);
    SCOPED_TRACE("connection " + std::to_string(number));
    const Ends& ends = found[text_of(plan.address)];
    expect_end(ends.client,
               plan.unread > 0    ? "unread_data"
               : plan.zero_linger ? "linger_zero"
                                  : "local_first",
               bytes(plan.unsent, plan.unread, plan.sent, plan.received));
    EXPECT_EQ(ends.client["linger"]["enabled"], plan.zero_linger);
    expect_end(ends.server, plan.aborts() ? "reset_by_peer" : "peer_first",
               bytes(0, 0, plan.received, plan.sent));
    EXPECT_EQ(ends.server["linger"]["enabled"], false);
  }
}

TEST_F(reuse, of_the_socket) {
  constexpr std::uint32_t kConnections = 97 * 4;
  Closewatch closewatch = watch();
  const Listener listener;
  {
    Connection connection{.client = open_socket(), .server = {}};
    for (std::uint32_t number = 0; number < kConnections; ++number) {
      const Plan plan(number);
      listener.reach(connection.client.get(), plan.address);
      connection.server = listener.accept();
      plan.talk(connection);
      disconnect(connection.client.get());
    }
  }
  await_closed(1);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::vector<Json> closures = Story(closewatch.output()).of_network(network_);
  EXPECT_EQ(closures.size(), 2 * kConnections);
  auto found = by_address(closures, listener.port());
  for (std::uint32_t number = 0; number < kConnections && !HasFailure(); ++number) {
    const Plan plan(number);
    SCOPED_TRACE("connection " + std::to_string(number));
    const Ends& ends = found[text_of(plan.address)];
    expect_end(ends.client, "disconnected",
               bytes(plan.unsent, plan.unread, plan.sent, plan.received));
    expect_end(ends.server, "reset_by_peer", bytes(0, 0, plan.received, plan.sent));
  }
}

}  // namespace
}  // namespace closewatch::storm
