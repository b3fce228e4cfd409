// SPDX-License-Identifier: Apache-2.0
// Where a script runs: the actors, the connections and the listeners of one play, in the family
// that was asked for. Lives in the script's own process and namespace; everything that it hands out
// lives as long as it does.
#pragma once

#include <deque>
#include <string_view>
#include <vector>

#include "userspace/demo/connection.h"
#include "userspace/demo/failure.h"
#include "userspace/demo/host_limit.h"
#include "userspace/demo/situation.h"
#include "userspace/demo/truth.h"

namespace closewatch::demo {

class Stage {
 public:
  Stage(Family family, Truth& truth, HostLimit& host_limit);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] Family family() const { return link_.family(); }
  [[nodiscard]] Link& link() { return link_; }
  [[nodiscard]] Truth& truth() { return truth_; }

  // A new process. owner() is the first that a script needs, made when asked for.
  Actor& actor(std::string_view role);
  Actor& fork_of(Actor& parent, std::string_view role);
  Actor& owner();

  // A socket of the owner's that is not connected yet, and its connection with a peer port.
  Connection& socket();
  Connection& socket(Actor& owner);
  // connect() on such a socket, complete: the kernel is ESTABLISHED, the peer's window is `window`.
  Connection& connect(std::uint16_t window = kWideWindow);
  Connection& connect(Actor& owner, std::uint16_t window);
  void connect(Connection& connection, std::uint16_t window);
  // The owner's descriptor connects once more, to another port of the peer.
  Connection& again(Connection& connection);
  // Only begins to: the SYN is out, and connect() blocks in the owner.
  Pending<int> start_connect(Connection& connection);

  // A listener of `owner`; returns its descriptor there.
  int listen(Actor& owner, int backlog = 16);
  // A peer that has not connected yet; the connection will belong to `owner`.
  Connection& visitor(Actor& owner);
  // A peer's connection to the listener, ESTABLISHED and in the accept queue.
  Connection& arrive(Actor& owner, std::uint16_t window = kWideWindow);
  // The peer of a connection that has ended connects anew, from the same port; in the accept queue.
  Connection& come_back(Connection& connection);
  // arrive() and accept() by `owner` on `listener`.
  Connection& accept(Actor& owner, int listener, std::uint16_t window = kWideWindow);
  void accept(Connection& connection, int listener);

  // A connection that no Connection stands for: the script notes all of it itself.
  ConnectionTruth& note_connection(End local = End::kernel, End peer = End::peer);

  // A process or thread that is no actor of its own.
  void note_role(std::string_view name, pid_t pid, std::string_view comm);

  // This kernel behaves as Situation::others[number - 1] says.
  void variant(std::uint32_t number) { truth_.variant = number; }

  // Situation::host_limit, in the machine's own namespace. Skips where it cannot be written.
  void lower_host_limit(std::string_view value);
  void restore_host_limit();

  // The play is over: the actors leave, the counters are taken. Those of `expected` are given time
  // to be reached: what they are then is for the judge.
  void finish(const Variant& expected);

 private:
  [[nodiscard]] Counters await_counters(const std::vector<CounterDelta>& expected);

  Link link_;
  Truth& truth_;
  HostLimit& host_limit_;
  std::deque<Actor> actors_;
  Actor* owner_ = nullptr;
  std::deque<Connection> connections_;
  std::uint16_t next_peer_port_ = 7001;
};

inline constexpr std::uint16_t kListenPort = 80;

}  // namespace closewatch::demo
