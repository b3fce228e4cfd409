// SPDX-License-Identifier: Apache-2.0
// One connection between a socket of an actor and a scripted peer. What is called here happens in
// the owner's process, with its descriptor; what the peer does is called on peer(). Waits for the
// kernel's state, gives up when it does not come.
#pragma once

#include <cstdint>
#include <memory>

#include "userspace/demo/actor.h"
#include "userspace/demo/peer.h"
#include "userspace/demo/socket_table.h"
#include "userspace/demo/truth.h"

namespace closewatch::demo {

// In an actor: closes `fd` and measures it.
CloseResult measured_close(int fd);
// In an actor: the queues of `fd`.
Queues queues_of(int fd);

class Connection {
 public:
  Connection(Link& link, Actor& owner, std::uint16_t peer_port, ConnectionTruth& truth);

  // From the port of `earlier`, which has ended.
  Connection(Link& link, Actor& owner, const Peer& earlier, ConnectionTruth& truth);

  [[nodiscard]] Peer& peer() { return peer_; }
  [[nodiscard]] Actor& owner() { return *owner_; }
  [[nodiscard]] Family family() const { return link_.family(); }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] ConnectionTruth& truth() { return *truth_; }

  // The connection belongs to `owner`, as its descriptor `fd`, from now on.
  void hand_over(Actor& owner, int fd);
  void set_fd(int fd) { fd_ = fd; }
  // Takes the ports from the peer, once it knows them.
  void note_ports();

  void write(std::uint32_t bytes, int flags = 0);
  void read(std::uint32_t bytes);
  void set(int level, int option, int value);
  void linger(int seconds);
  void shutdown(int how);

  // Waits until the queues are exactly so, and records that: the oracle just before the end.
  void await_queues(const Queues& queues);
  void await_state(int state);
  // Waits until no process has a descriptor any more.
  void await_orphan();
  // Waits until the kernel has no full socket left for the connection.
  void await_end();
  // Waits until it has not even a timewait mini-socket.
  void await_gone();

  // close(), measured and recorded.
  void close();
  Pending<CloseResult> start_close();
  void finish_close(Pending<CloseResult> pending);

  [[nodiscard]] std::optional<TableEntry> entry() const;

 private:
  Link& link_;
  Actor* owner_;
  ConnectionTruth* truth_;
  Peer peer_;
  int fd_ = -1;
};

}  // namespace closewatch::demo
