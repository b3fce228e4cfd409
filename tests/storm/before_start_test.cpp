// SPDX-License-Identifier: Apache-2.0
// Connections that exist before closewatch does: what had happened to them by then, it finds out
// from the sockets, and whose they are from the descriptors.
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

#include "tests/storm/child.h"
#include "tests/storm/connection.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/shared.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

// What has happened to a connection before closewatch starts.
enum class Before : std::uint8_t {
  nothing,
  data_queued,    // for the client, who closes without reading it
  linger_set,     // {1,0}, by the client, who closes
  half_closed,    // by the client; then the server closes
  window_closed,  // the server does not read; the client resets with its queue full
  closed,         // by the client, with its queue full; then the server reads it all and closes
  killable,       // nothing yet: its client is a process that is killed
};
constexpr std::array kBefore{Before::nothing,     Before::data_queued,   Before::linger_set,
                             Before::half_closed, Before::window_closed, Before::closed,
                             Before::killable};
constexpr std::size_t kCopies = 6;
constexpr std::size_t kCount = kBefore.size() * kCopies;
constexpr std::uint32_t kQueued = 70;
constexpr int kSmallBuffer = 8192;

Before before(std::size_t index) { return kBefore[index % kBefore.size()]; }

struct Row {
  std::uint16_t client_port = 0;
  int unsent = 0;   // SIOCOUTQNSD of the client just before it closes
  int unacked = 0;  // SIOCOUTQ less that
  int left = 0;     // FIONREAD of the server just before it closes
};

struct Scene {
  Sign connected, accepted, queued, prepared, clients_go, clients_done, servers_go, servers_done;
  std::array<Row, kCount> rows;
};

void fill(int fd) {
  must(::fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
  const std::array<char, 4096> content{};
  while (::send(fd, content.data(), content.size(), MSG_NOSIGNAL) > 0) {
  }
  if (errno != EAGAIN) {
    give_up("filling a queue");
  }
}

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd = open_socket();
  must(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSmallBuffer, sizeof kSmallBuffer), "SNDBUF");
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(port);
  peer.sin_addr.s_addr = htonl(kLoopback);
  must(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer), "connect");
  return fd;
}

// The process that connects, but for those connections whose client is to be killed.
void be_clients(Scene& scene, std::uint16_t port, bool killable) {
  ::prctl(PR_SET_NAME, killable ? "early-killed" : "early-client");
  std::array<UniqueFd, kCount> fds;
  for (std::size_t i = 0; i < kCount; ++i) {
    if ((before(i) == Before::killable) == killable) {
      fds[i] = connect_to(port);
      scene.rows[i].client_port = local_port(fds[i].get());
    }
  }
  scene.connected.give();
  if (killable) {
    ::pause();
  }
  scene.queued.await();
  for (std::size_t i = 0; i < kCount; ++i) {
    const int fd = fds[i].get();
    switch (before(i)) {
      case Before::nothing:
      case Before::killable:
        break;
      case Before::data_queued:
        await_readable(fd, kQueued);
        break;
      case Before::linger_set:
        set_linger_zero(fd);
        break;
      case Before::half_closed:
        must(::shutdown(fd, SHUT_WR), "shutdown");
        break;
      case Before::window_closed:
        fill(fd);
        break;
      case Before::closed:
        fill(fd);
        fds[i].reset();
        break;
    }
  }
  scene.prepared.give();
  scene.clients_go.await();
  for (std::size_t i = 0; i < kCount; ++i) {
    if (before(i) == Before::window_closed) {
      Row& row = scene.rows[i];
      row.unsent = queued(fds[i].get(), SIOCOUTQNSD);
      row.unacked = queued(fds[i].get(), SIOCOUTQ) - row.unsent;
      set_linger_zero(fds[i].get());
    }
    if (before(i) != Before::half_closed) {
      fds[i].reset();
    }
  }
  scene.clients_done.give();
  scene.servers_done.await();
}

void be_servers(Scene& scene, int listener) {
  ::prctl(PR_SET_NAME, "early-server");
  std::array<UniqueFd, kCount> fds;
  for (std::size_t n = 0; n < kCount; ++n) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    UniqueFd fd(must(::accept(listener, reinterpret_cast<sockaddr*>(&peer), &length), "accept"));
    for (std::size_t i = 0; i < kCount; ++i) {
      if (scene.rows[i].client_port == ntohs(peer.sin_port)) {
        fds[i] = std::move(fd);
      }
    }
  }
  for (std::size_t i = 0; i < kCount; ++i) {
    if (before(i) == Before::data_queued) {
      give(fds[i].get(), kQueued);
    }
  }
  scene.accepted.give();
  scene.servers_go.await();
  for (std::size_t i = 0; i < kCount; ++i) {
    if (before(i) == Before::closed) {
      take_all(fds[i].get());
    }
    scene.rows[i].left = queued(fds[i].get(), FIONREAD);
    fds[i].reset();
  }
  scene.servers_done.give();
}

struct Expected {
  const char* client;
  const char* server;
};

Expected expected(Before before) {
  switch (before) {
    case Before::data_queued:
      return {"unread_data", "reset_by_peer"};
    case Before::linger_set:
    case Before::window_closed:
      return {"linger_zero", "reset_by_peer"};
    case Before::nothing:
    case Before::half_closed:
    case Before::closed:
    case Before::killable:
      break;
  }
  return {"local_first", "peer_first"};
}

class before_start : public Suite {};

TEST_F(before_start, sockets_are_judged_and_owned) {
  const UniqueFd listener = open_socket();
  must(::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &kSmallBuffer, sizeof kSmallBuffer),
       "SO_RCVBUF");
  must(::listen(listener.get(), SOMAXCONN), "listen");
  const std::uint16_t port = local_port(listener.get());

  const Shared<Scene> scene = make_shared_value<Scene>();
  Child clients([&] { be_clients(*scene, port, false); });
  Child killed([&] { be_clients(*scene, port, true); });
  scene->connected.await();
  scene->connected.await();
  Child servers([&] { be_servers(*scene, listener.get()); });
  scene->accepted.await();
  scene->queued.give();
  scene->prepared.await();

  Closewatch closewatch = watch();
  scene->clients_go.give();
  scene->clients_done.await();
  killed.signal(SIGKILL);
  const pid_t killed_pid = killed.pid();
  ASSERT_EQ(killed.wait(), 128 + SIGKILL);
  scene->servers_go.give();
  const pid_t clients_pid = clients.pid();
  const pid_t servers_pid = servers.pid();
  ASSERT_EQ(servers.wait(), 0);
  ASSERT_EQ(clients.wait(), 0);
  await_closed(1);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::vector<Json> closures = Story(closewatch.output()).of_network(network_);
  EXPECT_EQ(closures.size(), 2 * kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    SCOPED_TRACE("case " + std::to_string(i % kBefore.size()));
    const Row& row = scene->rows[i];
    const bool killable = before(i) == Before::killable;
    std::size_t ends = 0;
    for (const Json& closure : closures) {
      const bool client = closure["local"]["port"] == row.client_port;
      if (!client && closure["peer"]["port"] != row.client_port) {
        continue;
      }
      ++ends;
      const Expected reasons = expected(before(i));
      EXPECT_EQ(closure["reason"], client ? reasons.client : reasons.server) << closure;
      EXPECT_TRUE(has_flag(closure, "seen_before_start")) << closure;
      const Json& bytes = closure["bytes"];
      if (client) {
        EXPECT_EQ(bytes["never_sent"], row.unsent) << closure;
        EXPECT_EQ(bytes["unacked"], row.unacked) << closure;
        EXPECT_EQ(bytes["unread"], before(i) == Before::data_queued ? kQueued : 0) << closure;
      } else {
        EXPECT_EQ(bytes["discarded"], 0) << closure;
        EXPECT_EQ(bytes["unread"], row.left) << closure;
      }
      const Json& process = closure["process"];
      if (client && before(i) == Before::closed) {
        EXPECT_TRUE(process.is_null()) << "its owner had let go of it: " << closure;
        continue;
      }
      ASSERT_TRUE(process.is_object()) << closure;
      EXPECT_EQ(process["pid"], !client    ? servers_pid
                                : killable ? killed_pid
                                           : clients_pid)
          << closure;
      EXPECT_EQ(process["comm"], !client    ? "early-server"
                                 : killable ? "early-killed"
                                            : "early-client")
          << closure;
      if (client && killable) {
        EXPECT_EQ(closure["closed_by"], "signal") << closure;
        EXPECT_EQ(closure["signal"], SIGKILL) << closure;
      }
    }
    EXPECT_EQ(ends, 2U);
    if (before(i) == Before::window_closed) {
      EXPECT_GT(row.unsent + row.unacked, 0);
      EXPECT_GT(row.left, 0);
    }
  }
}

}  // namespace
}  // namespace closewatch::storm
