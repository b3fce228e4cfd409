// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/stage.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

#include "userspace/demo/deadline.h"

namespace closewatch::demo {

Stage::Stage(Family family, Truth& truth, HostLimit& host_limit)
    : link_{family}, truth_{truth}, host_limit_{host_limit} {}

void Stage::note_role(std::string_view name, pid_t pid, std::string_view comm) {
  if (truth_.role_count == kMaxRoles) {
    give_up("too many roles");
  }
  RoleTruth& entry = truth_.roles[truth_.role_count++];
  entry.name = name;
  entry.comm = comm;
  entry.pid = pid;
}

Actor& Stage::actor(std::string_view role) {
  Actor& actor = actors_.emplace_back(role);
  note_role(role, actor.pid(), actor.comm());
  return actor;
}

Actor& Stage::fork_of(Actor& parent, std::string_view role) {
  Actor& actor = actors_.emplace_back(role, parent);
  note_role(role, actor.pid(), actor.comm());
  return actor;
}

Actor& Stage::owner() {
  if (owner_ == nullptr) {
    owner_ = &actor("owner");
  }
  return *owner_;
}

ConnectionTruth& Stage::note_connection(End local, End peer) {
  if (truth_.connection_count == kMaxConnections) {
    give_up("too many connections");
  }
  ConnectionTruth& connection = truth_.connections[truth_.connection_count++];
  connection.local = local;
  connection.peer = peer;
  return connection;
}

Connection& Stage::visitor(Actor& owner) {
  return connections_.emplace_back(link_, owner, next_peer_port_++, note_connection());
}

Connection& Stage::again(Connection& connection) {
  Connection& second = visitor(connection.owner());
  second.set_fd(connection.fd());
  return second;
}

Connection& Stage::socket() { return socket(owner()); }

Connection& Stage::socket(Actor& owner) {
  Connection& connection = visitor(owner);
  connection.set_fd(owner.run([domain = socket_family(family())] {
    return ::socket(domain, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  }));
  if (connection.fd() < 0) {
    skip("this kernel has no socket of the family");
  }
  return connection;
}

Pending<int> Stage::start_connect(Connection& connection) {
  return connection.owner().start(
      [fd = connection.fd(), family = family(), port = connection.peer().port()] {
        const auto peer = socket_address(family, End::peer, port);
        return ::connect(fd, peer.get(), peer.length) == 0 ? 0 : errno;
      });
}

void Stage::connect(Connection& connection, std::uint16_t window) {
  auto pending = start_connect(connection);
  connection.peer().await_syn();
  connection.note_ports();
  connection.peer().accept(window);
  if (const int error = pending.get(); error != 0) {
    give_up("connect(): errno " + std::to_string(error));
  }
  connection.peer().await_ack_of(0);  // the end of the handshake answers nothing that follows
}

Connection& Stage::connect(Actor& owner, std::uint16_t window) {
  Connection& connection = socket(owner);
  connect(connection, window);
  return connection;
}

Connection& Stage::connect(std::uint16_t window) { return connect(owner(), window); }

int Stage::listen(Actor& owner, int backlog) {
  const int fd = owner.run([family = family(), backlog] {
    const int listener = ::socket(socket_family(family), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    const auto address = socket_address(family, End::kernel, kListenPort);
    const bool done =
        ::bind(listener, address.get(), address.length) == 0 && ::listen(listener, backlog) == 0;
    return done ? listener : -1;
  });
  if (fd < 0) {
    give_up("listen()");
  }
  return fd;
}

Connection& Stage::arrive(Actor& owner, std::uint16_t window) {
  Connection& connection = visitor(owner);
  connection.peer().connect(kListenPort, window);
  connection.note_ports();
  connection.await_state(TCP_ESTABLISHED);
  return connection;
}

Connection& Stage::come_back(Connection& connection) {
  Connection& second =
      connections_.emplace_back(link_, connection.owner(), connection.peer(), note_connection());
  second.peer().connect(kListenPort, kWideWindow);
  second.note_ports();
  second.await_state(TCP_ESTABLISHED);
  return second;
}

void Stage::accept(Connection& connection, int listener) {
  connection.set_fd(connection.owner().run(
      [listener] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); }));
  if (connection.fd() < 0) {
    give_up("accept()");
  }
}

Connection& Stage::accept(Actor& owner, int listener, std::uint16_t window) {
  Connection& connection = arrive(owner, window);
  accept(connection, listener);
  return connection;
}

void Stage::lower_host_limit(std::string_view value) {
  if (auto written = host_limit_.write(value); !written) {
    skip(written.error().what);
  }
}

void Stage::restore_host_limit() {
  if (auto restored = host_limit_.restore(); !restored) {
    give_up(restored.error().what);
  }
}

// The kernel may count an end only after it has left the socket table (tcp_write_err() in
// tcp_timer.c: tcp_done(), then TCPAbortOnTimeout), in a timer on another CPU.
Counters Stage::await_counters(const std::vector<CounterDelta>& expected) {
  const Deadline deadline;
  for (std::chrono::milliseconds interval = kPollInterval;;
       interval = std::min(2 * interval, kLongestPollInterval)) {
    const Counters counters = Counters::read();
    const bool reached =
        std::all_of(expected.begin(), expected.end(), [&counters](const CounterDelta& counter) {
          return counters.get(counter.name).value_or(0) >= counter.delta;
        });
    if (reached || deadline.passed()) {
      return counters;
    }
    link_.pump(interval);
  }
}

void Stage::finish(const Variant& expected) {
  for (Actor& actor : actors_) {
    actor.dismiss();
  }
  link_.pump(std::chrono::milliseconds{0});
  for (std::size_t i = 0; Connection & connection : connections_) {
    ConnectionTruth& truth = truth_.connections[i++];
    truth.kernel_sent_rst = connection.peer().saw_rst();
    truth.peer_sent_rst = connection.peer().sent_rst();
    truth.received = connection.peer().sent();
  }
  truth_.counters = await_counters(expected.counters);
  const Census census = count_connections();
  truth_.still_open = census.full;
  truth_.timewait = census.timewait;
  truth_.outcome = Outcome::played;
}

}  // namespace closewatch::demo
