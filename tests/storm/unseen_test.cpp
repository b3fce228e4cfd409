// SPDX-License-Identifier: Apache-2.0
// Ends at which no program runs, nor at the release of the socket: the hooks are taken from an
// observer in the test's own process, which then tells from its ledger and from what is left of the
// sockets how many connections are over, and takes none that is open for one of them.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/storm/await.h"
#include "tests/storm/connection.h"
#include "tests/storm/hook_links.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/suite.h"
#include "userspace/kernel/features.h"
#include "userspace/kernel/observer.h"

namespace closewatch::storm {
namespace {

class unseen : public Suite {};

// A listener that takes no connection any more, and attempts to connect to it that nobody answers.
class Deaf {
 public:
  Deaf() : fd_(open_socket()) {
    must(::listen(fd_.get(), 0), "listen");
    socklen_t length = sizeof address_;
    must(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address_), &length), "getsockname");
    address_.sin_addr.s_addr = htonl(kLoopback);
    queued_ = open_socket();
    must(::connect(queued_.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_),
         "connect");
  }

  [[nodiscard]] UniqueFd attempt() const {
    UniqueFd fd = open_socket();
    must(::fcntl(fd.get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0 ||
        errno != EINPROGRESS) {
      give_up("connecting to a listener that is full");
    }
    return fd;
  }

 private:
  UniqueFd fd_;
  sockaddr_in address_{};
  UniqueFd queued_;
};

// Enough, below the usual limit of 1,024 descriptors, for some to find their place in the ledger
// taken, and to be in the table behind.
constexpr std::size_t kReleased = 300;
constexpr std::size_t kHeld = 50;
constexpr std::size_t kOpen = 50;
constexpr std::size_t kAttempts = 3;
// Both ends of each; those of Deaf's own connection and of the half closed one too.
constexpr std::size_t kStay = 2 * kOpen + 2 + 2 + kAttempts;
constexpr std::size_t kGo = 2 * (kReleased + kHeld) + kAttempts;

struct Unwatched {
  explicit Unwatched(Observer taken) : observer(std::move(taken)) {
    for (std::size_t i = 0; i < kReleased; ++i) {
      released.push_back(listener.connect());
    }
    for (std::size_t i = 0; i < kHeld; ++i) {
      held.push_back(listener.connect());
    }
    for (std::size_t i = 0; i < kOpen; ++i) {
      open.push_back(listener.connect());
    }
    must(::shutdown(half.client.get(), SHUT_WR), "shutdown");
    for (std::size_t i = 0; i < kAttempts; ++i) {
      given_up.push_back(deaf.attempt());
      waiting.push_back(deaf.attempt());
    }
  }

  // The hooks see the whole host. The account of the moment when none of its other connections was
  // in the ledger and the hooks were taken away; nullopt when one began just then.
  [[nodiscard]] std::optional<KernelCounters> detach() const {
    KernelCounters before;
    await("waiting for the other connections of this host to end", [&] {
      before = observer.account();
      return before.open == kStay + kGo;
    });
    for (const HookLink& link : hook_links(::getpid())) {
      storm::detach(link);
    }
    return observer.counters().begun == before.begun ? std::optional(before) : std::nullopt;
  }

  void end() {
    released.clear();
    for (Connection& connection : held) {
      set_linger_zero(connection.client.get());
      connection.client.reset();
      await_reset(connection.server.get());
    }
    given_up.clear();
    await_closed(2 + kStay);
  }

  Observer observer;
  Listener listener;
  Deaf deaf;
  std::vector<Connection> released, held, open;
  Connection half = listener.connect();
  std::vector<UniqueFd> given_up, waiting;
};

TEST_F(unseen, ends_are_counted_and_open_connections_are_not) {
  const auto features = probe_features(false);
  ASSERT_TRUE(features.ok()) << features.error().what;
  if (!features->read_cast) {
    GTEST_SKIP() << "this kernel has no bpf_rdonly_cast() to look at a socket with";
  }
  std::optional<Unwatched> unwatched;
  std::optional<KernelCounters> before;
  while (!before) {
    unwatched.reset();
    auto started = Observer::start(*features, {});
    ASSERT_TRUE(started.ok()) << started.error().what;
    unwatched.emplace(std::move(started).take());
    before = unwatched->detach();
  }
  ASSERT_EQ(hook_links(::getpid()).size(), 0U);

  unwatched->end();
  const KernelCounters after = unwatched->observer.account();
  EXPECT_EQ(after.begun, before->begun);
  EXPECT_EQ(after.ended, before->ended);
  EXPECT_EQ(after.unestablished, before->unestablished);
  EXPECT_EQ(after.open, kStay);
  EXPECT_EQ(after.unseen - before->unseen, kGo);

  // Their memory is taken by sockets that have no connection, or listen.
  std::vector<UniqueFd> fresh;
  std::vector<Listener> listeners;
  for (std::size_t i = 0; i < kReleased; ++i) {
    fresh.push_back(open_socket());
    listeners.emplace_back();
  }
  EXPECT_EQ(unwatched->observer.account().open, kStay);
}

}  // namespace
}  // namespace closewatch::storm
