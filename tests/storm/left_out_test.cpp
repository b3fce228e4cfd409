// SPDX-License-Identifier: Apache-2.0
// Programs that the kernel leaves out (bpf/README.md, "What can go unseen"): here they are taken
// from an observer in the test's own process, the first of each hook, or all but the last. What is
// left of the hook tells of every end all the same, also where an end is all that there is to see.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <variant>
#include <vector>

#include "tests/storm/await.h"
#include "tests/storm/connection.h"
#include "tests/storm/hook_links.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/suite.h"
#include "userspace/classify/classifier.h"
#include "userspace/demo/counters.h"
#include "userspace/kernel/features.h"
#include "userspace/kernel/observer.h"
#include "userspace/record/decode.h"

namespace closewatch::storm {
namespace {

class left_out : public Suite {};

using Tracepoints = std::map<std::string, std::vector<HookLink>>;

Tracepoints tracepoints() {
  Tracepoints found;
  for (const HookLink& link : hook_links(::getpid())) {
    found[link.tracepoint].push_back(link);
  }
  return found;
}

// Connections and attempts of each kind.
constexpr std::int64_t kOfEach = 5;

std::vector<Connection> connected(const Listener& listener) {
  std::vector<Connection> connections;
  for (std::int64_t i = 0; i < kOfEach; ++i) {
    connections.push_back(listener.connect());
  }
  return connections;
}

void reset(std::vector<Connection>& connections) {
  for (Connection& connection : connections) {
    set_linger_zero(connection.client.get());
    connection.client.reset();
    await_reset(connection.server.get());
  }
  connections.clear();
}

void close_in_order(std::vector<Connection>& connections) {
  for (Connection& connection : connections) {
    connection.client.reset();
    take_all(connection.server.get());
  }
  connections.clear();
}

std::int64_t counted(const char* name) { return demo::Counters::read().get(name).value_or(0); }

void close_a_listener_on_its_queue() {
  const std::int64_t before = counted("PassiveOpens");
  std::vector<UniqueFd> clients;
  {
    const Listener listener;
    for (std::int64_t i = 0; i < kOfEach; ++i) {
      clients.push_back(open_socket());
      listener.reach(clients.back().get(), kLoopback);
    }
    await("the queue", [&] { return counted("PassiveOpens") == before + kOfEach; });
  }
  for (const UniqueFd& client : clients) {
    await_reset(client.get());
  }
}

void sign_segments(int fd) {
  tcp_md5sig signature{};
  const sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(kLoopback)}, .sin_zero = {}};
  std::memcpy(&signature.tcpm_addr, &address, sizeof address);
  signature.tcpm_keylen = 1;
  must(::setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &signature, sizeof signature), "TCP_MD5SIG");
}

// Memory for the options of a socket, of this namespace; false where the limit is the machine's
// (before 6.8).
bool limit_options(int bytes) {
  std::ofstream limit("/proc/sys/net/core/optmem_max");
  limit << bytes << std::flush;
  return limit.good();
}

// The children of a listener whose key there is no memory for (tcp_v4_syn_recv_sock()): all that
// happens to one is that it ends. Returns how many there were.
std::int64_t let_children_die_at_birth() {
  if (!limit_options(20480)) {
    return 0;
  }
  const UniqueFd listener = open_socket();
  must(::listen(listener.get(), 1), "listen");
  sockaddr_in address{};
  socklen_t length = sizeof address;
  must(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length), "name");
  address.sin_addr.s_addr = htonl(kLoopback);
  sign_segments(listener.get());
  std::vector<UniqueFd> clients;
  for (std::int64_t i = 0; i < kOfEach; ++i) {
    clients.push_back(open_socket());
    sign_segments(clients.back().get());
  }
  limit_options(64);
  const std::int64_t before = counted("ListenDrops");
  for (const UniqueFd& client : clients) {
    must(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
         "connect");
    set_linger_zero(client.get());
  }
  await("the end of the children", [&] { return counted("ListenDrops") == before + kOfEach; });
  return kOfEach;
}

std::vector<Closure> closures_of(Observer& observer) {
  std::vector<Closure> closures;
  std::size_t taken = 1;
  while (taken > 0) {
    const auto drained = observer.drain([&closures](std::span<const std::byte> record) {
      const Decoded decoded = decode(record);
      if (const auto* const closure = std::get_if<Closure>(&decoded)) {
        closures.push_back(*closure);
      }
    });
    taken = drained.ok() ? *drained : 0;
  }
  return closures;
}

using Told = std::map<Reason, std::int64_t>;

Told told_by(Observer& observer) {
  Told told;
  for (const Closure& closure : closures_of(observer)) {
    ++told[classify(closure, {}).reason];
  }
  return told;
}

// With the first `gone` programs taken from each hook that has one more. False where none has.
bool observe_without(std::size_t gone, std::uint32_t network, const Features& features) {
  const Listener listener;
  std::vector<Connection> before = connected(listener);
  ObserverOptions options;
  options.mode = HookMode::base;
  options.filter.netns = network;
  options.filter.unestablished = true;
  auto observer = Observer::start(features, options);
  EXPECT_TRUE(observer.ok()) << observer.error().what;
  const Tracepoints hooks = tracepoints();
  if (hooks.at("inet_sock_set_state").size() <= gone) {
    return false;
  }
  for (const auto& [name, links] : hooks) {
    for (std::size_t i = 0; i < gone && links.size() > gone; ++i) {
      detach(links[i]);
    }
  }
  const KernelCounters begun = observer->account();

  reset(before);
  std::vector<Connection> fresh = connected(listener);
  close_in_order(fresh);
  fresh = connected(listener);
  reset(fresh);
  close_a_listener_on_its_queue();
  const std::int64_t births = let_children_die_at_birth();
  await_closed(1);
  observer->stop();

  Told expected{{Reason::linger_zero, 2 * kOfEach + births},
                {Reason::reset_by_peer, 3 * kOfEach},
                {Reason::local_first, kOfEach},
                {Reason::peer_first, kOfEach},
                {Reason::listener_closed, kOfEach}};
  if (births > 0) {
    expected[Reason::connect_error] = births;
  }
  EXPECT_EQ(told_by(*observer), expected) << "without " << gone;
  const KernelCounters account = observer->account();
  EXPECT_EQ(account.lost_ring + account.lost_ledger + account.unseen, 0U);
  EXPECT_EQ(account.ends_recovered, 0U);
  EXPECT_EQ(account.made_up_runs > begun.made_up_runs, gone > 0);
  return true;
}

TEST_F(left_out, programs_have_their_work_done_by_the_next) {
  auto features = probe_features(false);
  ASSERT_TRUE(features.ok()) << features.error().what;
  features->preemptible_tracepoints = true;  // then each hook has all of its programs at once
  std::size_t gone = 0;
  while (observe_without(gone, network_, *features)) {
    ++gone;
  }
  EXPECT_EQ(gone, 3U);
}

Result<Observer> observe(std::uint32_t network) {
  const auto features = probe_features(false);
  EXPECT_TRUE(features.ok());
  ObserverOptions options;
  options.mode = HookMode::base;
  options.filter.netns = network;
  return Observer::start(*features, options);
}

// From now on no program sees a change of state.
void hide_states() {
  const Tracepoints hooks = tracepoints();
  for (const HookLink& link : hooks.at("inet_sock_set_state")) {
    detach(link);
  }
}

// Where no program sees a switch to CLOSE, the release of the socket tells the end, of connections
// from before the start that of the receiver of a RST alone: nothing else is seen of them.
TEST_F(left_out, ends_are_told_at_the_release) {
  const Listener listener;
  std::vector<Connection> connections = connected(listener);
  auto observer = observe(network_);
  ASSERT_TRUE(observer.ok()) << observer.error().what;
  std::ranges::move(connected(listener), std::back_inserter(connections));
  hide_states();
  for (Connection& connection : connections) {
    set_linger_zero(connection.client.get());
    connection.client.reset();
    await_reset(connection.server.get());
    connection.server.reset();
  }
  await_closed(1);
  observer->stop();
  EXPECT_EQ(told_by(*observer),
            (Told{{Reason::linger_zero, kOfEach}, {Reason::reset_by_peer, 2 * kOfEach}}));
  const KernelCounters account = observer->account();
  EXPECT_EQ(account.ends_recovered, 3U * kOfEach);
  EXPECT_EQ(account.unseen, 0U);
}

// What is left of a socket at its release, if it was disconnected after an end that no program saw.
TEST_F(left_out, ends_before_a_disconnect_lose_no_bytes) {
  auto observer = observe(network_);
  ASSERT_TRUE(observer.ok()) << observer.error().what;
  const Listener listener;
  std::vector<Connection> connections = connected(listener);
  hide_states();
  for (const Connection& connection : connections) {
    give(connection.client.get(), 10);
    take(connection.server.get(), 10);
    disconnect(connection.client.get());
    await_reset(connection.server.get());
  }
  connections.clear();
  await_closed(1);
  observer->stop();

  const std::vector<Closure> closures = closures_of(*observer);
  EXPECT_EQ(closures.size(), 2U * kOfEach);
  EXPECT_EQ(observer->account().ends_recovered, 2U * kOfEach);
  std::int64_t disconnected = 0;
  for (const Closure& closure : closures) {
    EXPECT_EQ(closure.discarded(), 0U);
    EXPECT_EQ(closure.unread, 0U);
    EXPECT_EQ(closure.sent.has_value(), closure.received.has_value());
    EXPECT_EQ(closure.received.value_or(10), 10U);
    disconnected += closure.sent ? 0 : 1;
  }
  EXPECT_EQ(disconnected, kOfEach);
}

}  // namespace
}  // namespace closewatch::storm
