// SPDX-License-Identifier: Apache-2.0
// MPTCP with two subflows (kernel.md A26). Both ends are the kernel's and in one namespace: a
// client ("owner") at its first address, a server at its second. Each subflow is a TCP connection
// with two sockets, and so with two closures.
//
// The endpoint of the path manager is an address at which one of both ends is connected already:
// that end makes no second subflow from it (mptcp_pm_create_subflow_or_signal_addr()), only the
// other does.
#include <sched.h>

#include "tests/scenarios/endpoints.h"
#include "tests/scenarios/kernel_symbols.h"
#include "tests/scenarios/script.h"
#include "tests/scenarios/subflows.h"

namespace closewatch::scenarios {
namespace {

constexpr int kMptcp = 262;  // IPPROTO_MPTCP

// Of the closures: each socket has its place in Truth::connections.
enum Place : std::uint32_t { kClientFirst, kClientSecond, kServerFirst, kServerSecond };

// One end of the MPTCP connection.
struct MultipathEnd {
  Actor& process;
  int fd = -1;
  std::array<ConnectionTruth*, kSubflows> subflows{};

  [[nodiscard]] Subflows known() {
    return process.run([fd = fd] { return subflows_of(fd); });
  }
};

struct Multipath {
  MultipathEnd client;
  MultipathEnd server;
};

// One end writes, the other reads, or only waits for it.
void pass(MultipathEnd& from, MultipathEnd& to, std::uint32_t bytes, bool read) {
  from.process.run([fd = from.fd, bytes] {
    std::array<char, 4096> data{};
    return ::send(fd, data.data(), bytes, 0) == static_cast<ssize_t>(bytes);
  });
  if (!to.process.run([fd = to.fd, bytes, read] {
        std::array<char, 4096> data;
        return ::recv(fd, data.data(), bytes, MSG_WAITALL | (read ? 0 : MSG_PEEK)) ==
               static_cast<ssize_t>(bytes);
      })) {
    give_up("passing data by MPTCP");
  }
}

// The script and the actors that it makes from now on, and with them the workers that their packets
// set going.
void keep_to_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  if (::sched_setaffinity(0, sizeof one, &one) != 0) {
    give_up("keeping to one CPU");
  }
}

Multipath connect_twice(Stage& stage) {
  keep_to_one_cpu();
  Multipath multipath{{stage.owner()}, {stage.actor("server")}};
  auto& [client, server] = multipath;
  const auto open = [family = stage.family()] {
    return ::socket(socket_family(family), SOCK_STREAM | SOCK_CLOEXEC, kMptcp);
  };
  if (auto added = add_second_address(stage.family()); !added) {
    give_up(added.error().what);
  }
  // Before there is a socket: it looks when it is made.
  allow_second_subflow();
  connect_also_from(stage.family(), End::second);
  client.fd = client.process.run(open);
  const int listener = server.process.run([open, family = stage.family()] {
    const int fd = open();
    const auto address = socket_address(family, End::second, kListenPort);
    const bool done = ::bind(fd, address.get(), address.length) == 0 && ::listen(fd, 1) == 0;
    return done ? fd : -1;
  });
  const int error = client.process.run([fd = client.fd, family = stage.family()] {
    const auto own = socket_address(family, End::kernel, 0);
    const auto other = socket_address(family, End::second, kListenPort);
    const bool done =
        ::bind(fd, own.get(), own.length) == 0 && ::connect(fd, other.get(), other.length) == 0;
    return done ? 0 : errno;
  });
  // The listener stays open: the second subflow needs it too.
  server.fd = server.process.run(
      [listener] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); });
  if (listener < 0 || error != 0 || server.fd < 0) {
    give_up("connecting by MPTCP: errno " + std::to_string(error));
  }
  // A client makes no further subflow before the first has carried data in both directions.
  pass(client, server, 100, true);
  pass(server, client, 100, true);
  stage.link().await("the second subflow at both ends", [&client = client, &server = server] {
    return client.known().count == kSubflows && server.known().count == kSubflows;
  });
  // In the order of Place.
  client.subflows = {&stage.note_connection(End::kernel, End::second),
                     &stage.note_connection(End::second, End::second)};
  server.subflows = {&stage.note_connection(End::second, End::kernel),
                     &stage.note_connection(End::second, End::second)};
  return multipath;
}

// All that either end wrote is acknowledged. What the kernel itself tells of the subflows is true
// until the end: which of them carried what, its scheduler decides.
void settle(Stage& stage, Multipath& multipath) {
  for (MultipathEnd* end : {&multipath.client, &multipath.server}) {
    Subflows known;
    stage.link().await("the acknowledgement of all data", [&] {
      known = end->known();
      return known.each[0].unacked == 0 && known.each[1].unacked == 0;
    });
    for (std::size_t i = 0; i < kSubflows; ++i) {
      ConnectionTruth& truth = *end->subflows[i];
      truth.local_port = known.each[i].local_port;
      truth.peer_port = known.each[i].peer_port;
      truth.written = known.each[i].written;
      truth.received = known.each[i].received;
    }
  }
}

void close_end(MultipathEnd& end) {
  if (end.process.run([fd = end.fd] { return ::close(fd); }) != 0) {
    give_up("close() of an MPTCP socket");
  }
}

void await_ends(Stage& stage) {
  stage.link().await("the end of all subflows", [] { return count_connections().full == 0; });
}

// Whose FIN came first. The kernel of either end sends one for each subflow when both have closed,
// in workers or in softirq, and which is the first is open.
enum Order : std::uint32_t { kClientFin, kServerFin, kCrossed };
constexpr std::uint32_t kOrders = 3;

// Only who sends its FIN before the other's came goes into TIME_WAIT.
Order order_of(Family family, const ConnectionTruth& client) {
  const auto waits = [family](std::uint16_t local, std::uint16_t peer) {
    return find_socket(family, local, peer).has_value();
  };
  const bool client_waits = waits(client.local_port, client.peer_port);
  const bool server_waits = waits(client.peer_port, client.local_port);
  if (client_waits && server_waits) {
    return kCrossed;
  }
  return server_waits ? kServerFin : kClientFin;
}

// The client's, for SO_LINGER.
constexpr int kNoLinger = -1;
constexpr int kLongLinger = 30;

void set_linger(MultipathEnd& end, int seconds) {
  const bool done = end.process.run([fd = end.fd, seconds] {
    const ::linger value{.l_onoff = 1, .l_linger = seconds};
    return ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value) == 0;
  });
  if (!done) {
    give_up("SO_LINGER of an MPTCP socket");
  }
}

template <int kLinger>
void both_close(Stage& stage) {
  Multipath multipath = connect_twice(stage);
  auto& [client, server] = multipath;
  if (kLinger != kNoLinger) {
    set_linger(client, kLinger);
  }
  pass(client, server, 700, true);
  pass(server, client, 900, true);
  settle(stage, multipath);
  close_end(client);
  const ssize_t got = server.process.run([fd = server.fd] {
    char byte = 0;
    return ::recv(fd, &byte, 1, 0);
  });
  if (got != 0) {
    give_up("the end of the data of an MPTCP connection");
  }
  close_end(server);
  await_ends(stage);
  const std::uint32_t orders = order_of(stage.family(), *client.subflows[0]) +
                               kOrders * order_of(stage.family(), *client.subflows[1]);
  stage.variant(orders + (bpf_reads_subflows() ? 0 : kOrders * kOrders));
}

// What the process does from now on, no worker interrupts: they are of the same CPU
// (keep_to_one_cpu).
void come_before_workers(MultipathEnd& end) {
  const bool done = end.process.run([] {
    const sched_param priority{.sched_priority = 1};
    return ::sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
  });
  if (!done) {
    skip("no process can have a real-time priority here");
  }
}

// close() resets one subflow after the other, and the first RST sets a worker of the other end
// going, which would reset the rest from there.
void abort_end(MultipathEnd& end) {
  come_before_workers(end);
  close_end(end);
}

// Of what an observer says where it finds the MPTCP socket, and where it does not.
enum Abort : std::uint32_t { kFound, kReleasedByWorker, kReleasedByClient, kAborts };

// Who releases the client's second subflow, which has ended: the worker that the RST sets going, or
// close(), if that worker has not come to it.
Abort release(MultipathEnd& client) {
  come_before_workers(client);
  const bool both = client.process.run([fd = client.fd] {
    const bool still_there = subflows_of(fd).count == kSubflows;
    ::close(fd);
    return still_there;
  });
  if (bpf_reads_subflows()) {
    return kFound;
  }
  return both ? kReleasedByClient : kReleasedByWorker;
}

// A worker that runs already comes first all the same, now and then: then it sends a third RST.
void note_abort(Stage& stage, MultipathEnd& client) {
  const bool ahead = Counters::read().get("OutRsts") == kSubflows + 1;
  stage.variant(release(client) + (ahead ? std::uint32_t{kAborts} : 0));
}

// The 700 bytes have left the subflows: it is the MPTCP socket in which they are unread, and they
// are told once, with the subflow that it resets first.
void unread(Stage& stage) {
  Multipath multipath = connect_twice(stage);
  auto& [client, server] = multipath;
  pass(client, server, 1000, false);
  const ssize_t read = server.process.run([fd = server.fd] {
    std::array<char, 300> part;
    return ::recv(fd, part.data(), part.size(), MSG_WAITALL);
  });
  if (read != 300) {
    give_up("reading a part of what came by MPTCP");
  }
  settle(stage, multipath);
  abort_end(server);
  await_ends(stage);
  note_abort(stage, client);
}

void linger_zero(Stage& stage) {
  Multipath multipath = connect_twice(stage);
  auto& [client, server] = multipath;
  pass(client, server, 700, true);
  settle(stage, multipath);
  set_linger(server, 0);
  abort_end(server);
  await_ends(stage);
  note_abort(stage, client);
}

Expected at(Place place) {
  return {.cls = "graceful",
          .reason = "local_first",
          .connection = place,
          .process = place < kServerFirst ? "owner" : "server",
          .flags = {"mptcp_subflow", "kernel_socket"}};
}

Expected second_fin(Place place) {
  Expected expected = at(place);
  expected.reason = "peer_first";
  expected.initiator = "peer";
  expected.state_at_close = "CLOSE_WAIT";
  expected.final_state = "LAST_ACK";
  return expected;
}

Expected crossed(Place place) {
  Expected expected = at(place);
  expected.reason = "simultaneous";
  expected.final_state = "CLOSING";
  return expected;
}

// The closures of both ends of one subflow.
std::array<Expected, 2> orderly(Place client, Place server, std::uint32_t order) {
  switch (order) {
    case kClientFin:
      return {at(client), second_fin(server)};
    case kServerFin:
      return {second_fin(client), at(server)};
    default:
      return {crossed(client), crossed(server)};
  }
}

// A worker of the kernel sends the FIN, long after the close of an MPTCP socket that an observer
// cannot find from here. Who opened or accepted the first subflow is known all the same.
Expected closed_by_worker(Expected expected) {
  expected.closed_by = "kernel";
  expected.from_accept = expected.connection == kServerFirst;
  if (expected.connection == kClientSecond || expected.connection == kServerSecond) {
    expected.process = "";
  }
  return expected;
}

// First those where an observer finds the MPTCP socket, then the same where it does not.
std::vector<Variant> orderly(int client_linger) {
  std::vector<Variant> variants;
  for (const bool found : {true, false}) {
    for (std::uint32_t orders = 0; orders < kOrders * kOrders; ++orders) {
      std::vector<Expected>& closures = variants.emplace_back().closures;
      for (const auto& subflow : {orderly(kClientFirst, kServerFirst, orders % kOrders),
                                  orderly(kClientSecond, kServerSecond, orders / kOrders)}) {
        for (const Expected& expected : subflow) {
          closures.push_back(found ? expected : closed_by_worker(expected));
          if (client_linger != kNoLinger && expected.connection <= kClientSecond) {
            closures.back().linger_seconds = client_linger;
            closures.back().linger = "";
          }
        }
      }
    }
  }
  return variants;
}

// MPTCP's way to abort: a RST with MP_FASTCLOSE on each subflow (mptcp_do_fastclose()).
std::vector<Variant> fast_close(std::string_view reason, int linger_seconds, std::uint32_t unread) {
  Variant variant{{}, {{"EstabResets", 4}, {"OutRsts", 2}}};
  for (const Place place : {kServerFirst, kServerSecond}) {
    Expected& server = variant.closures.emplace_back(at(place));
    server.cls = "abortive";
    server.reason = reason;
    server.final_state = "ESTABLISHED";
    server.linger_seconds = linger_seconds;
    server.linger = linger_seconds == 0 ? "zero" : "off";
    server.rst_sent = true;
  }
  variant.closures.front().unread = unread;
  for (const Place place : {kClientFirst, kClientSecond}) {
    Expected& client = variant.closures.emplace_back(at(place));
    client.cls = "abortive";
    client.reason = "reset_by_peer";
    client.initiator = "peer";
    client.closed_by = "none";
    client.state_at_close = "";
    client.final_state = "ESTABLISHED";
    client.rst_received = true;
    client.error = "ECONNRESET";
  }
  Variant ahead = variant;
  ahead.counters = {{"EstabResets", 4}, {"OutRsts", 3}};
  Expected& second = ahead.closures.back();
  second.reason = "disconnected";
  second.initiator = "local";
  second.rst_sent = true;
  second.rst_received = false;
  second.error = "";
  // The second subflow is a worker's: whose else, only the MPTCP socket tells, and what it had not
  // read. Who releases it owns it, unless a worker ended it on its own.
  const auto unfound = [](Variant known, std::string_view process) {
    known.closures.front().unread = 0;
    known.closures.back().process = process;
    return known;
  };
  return {variant, unfound(variant, ""), unfound(variant, "owner"),
          ahead,   unfound(ahead, ""),   unfound(ahead, "")};
}

Situation situation(std::string_view name, std::string_view about, void (*run)(Stage&),
                    const std::vector<Variant>& variants) {
  return {.name = name,
          .about = about,
          .run = run,
          .usual = variants.front(),
          .others = {std::next(variants.begin()), variants.end()}};
}

}  // namespace

std::vector<Situation> multipath_situations() {
  return {
      situation("protocol/mptcp/two_subflows",
                "An MPTCP connection of two subflows is closed by one end, then by the other.",
                both_close<kNoLinger>, orderly(kNoLinger)),
      situation("protocol/mptcp/two_subflows/linger",
                "The same, and SO_LINGER lets close() of the MPTCP socket wait.",
                both_close<kLongLinger>, orderly(kLongLinger)),
      situation("protocol/mptcp/two_subflows/unread_data",
                "An MPTCP socket with two subflows is closed with data unread.", unread,
                fast_close("unread_data", -1, 700)),
      situation("protocol/mptcp/two_subflows/linger_zero",
                "An MPTCP socket with two subflows is closed with SO_LINGER {1,0}.", linger_zero,
                fast_close("linger_zero", 0, 0)),
  };
}

}  // namespace closewatch::scenarios
