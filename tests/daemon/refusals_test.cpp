// SPDX-License-Identifier: Apache-2.0
// What has no room is refused, by the history, by the receivers of alerts and by the HTTP server:
// each of them counts it, and every count is what the test made it.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <future>
#include <vector>

#include "tests/daemon/kept.h"
#include "tests/daemon/locked.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/data/fake_server.h"
#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

using closewatch::testing::FakeServer;
using closewatch::testing::kOk;
using storm::must;
using ::testing::HasSubstr;

class refusals : public Served {
 protected:
  refusals() { watchdog_us_ = "300000"; }  // it looks every 100 ms

  // `tcp`: "ADDRESS:PORT" in quotes, or nothing.
  [[nodiscard]] std::string metrics(const std::string& tcp = "") const {
    return "[metrics]\nlisten = [" + tcp + "]\nsocket_path = \"" + socket_path() + "\"\n";
  }
};

constexpr const char* kRefuses = "history: closures come faster than they can be taken";

// The writer's thread waits for the lock of somebody else again and again, and meanwhile the
// queue of 64 gets full.
TEST_F(refusals, of_the_history_are_the_gap_that_it_tells) {
  const Apart apart;
  room_ = "queue = 64\npending_rows = 1048576\n";
  configure("graceful_rows_per_minute = 0\n" + metrics() + "[alerts]\nenabled = false\n");
  start();
  std::uint64_t ends = 0;
  {
    const Locked locked(path("history.db"));
    ends = 2 * apart.inside([&] {
      storm::Load load({.drivers = 2, .mix{6, 2, 2}});
      await("waiting for a refusal",
            [&] { return daemon().errors().find(kRefuses) != std::string::npos; });
      load.stop();
      const auto made = load.wait().all();
      storm::await_closed(0);
      return made.connections();
    });
  }
  std::string last;
  await("waiting for the metrics", [&] {
    last = page();
    return accounted_for(last) >= ends &&
           sum_of(last, "closewatch_sink_taken_total", "history") +
                   sum_of(last, "closewatch_sink_refused_total", "history") ==
               sum_of(last, "closewatch_closures_total");
  });
  ASSERT_EQ(stop(), 0) << daemon().errors();
  const std::uint64_t closures = expect_nothing_lost(ends);
  EXPECT_EQ(sum_of(last, "closewatch_closures_total"), closures);

  const std::uint64_t kept = ask(path("history.db"), kCounted);
  const std::uint64_t refused = closures - kept;
  EXPECT_GT(refused, 0U);
  EXPECT_EQ(sum_of(last, "closewatch_sink_taken_total", "history"), kept);
  EXPECT_EQ(sum_of(last, "closewatch_sink_refused_total", "history"), refused);
  EXPECT_EQ(ask(path("history.db"), "SELECT sum(records) FROM loss WHERE kind = 'queue'"), refused);
  EXPECT_EQ(ask(path("history.db"), "SELECT count(*) FROM loss WHERE kind <> 'queue'"), 0U);
  const std::string errors = daemon().errors();
  EXPECT_THAT(errors, HasSubstr("history: " + std::to_string(kept) + " closures taken, "));
  EXPECT_THAT(errors, HasSubstr(" rows written, " + std::to_string(refused) +
                                " refused, "
                                "0 rows and 0 rollups refused"));
  EXPECT_THAT(errors, HasSubstr("LOST for the history: " + std::to_string(refused) + " closures"));

  storm::Closewatch report({.program = {.path = program()},
                            .arguments = {"report", "--history", path("history.db"), "-j"}});
  ASSERT_EQ(report.wait(), 0) << report.errors();
  const auto said = storm::Json::parse(report.output());
  EXPECT_EQ(said["losses"]["records"], refused) << said["losses"];
}

// One alert is under way, two wait: of those that follow all are refused.
TEST_F(refusals, of_a_receiver_are_those_that_found_its_queue_full) {
  constexpr std::uint64_t kQueue = 2;
  constexpr std::uint64_t kRules = 9;
  const Apart apart;
  std::promise<void> may_answer;
  const FakeServer slow([go = may_answer.get_future().share()](int connection) {
    go.wait();
    closewatch::testing::say(connection, kOk);
  });
  std::string rules;
  for (std::uint64_t rule = 0; rule < kRules; ++rule) {
    rules += "[[alerts.rule]]\nname = \"unread" + std::to_string(rule) +
             "\"\nper = \"host\"\nreason = [\"unread_data\"]\nthreshold = 1\n";
  }
  configure(metrics() +
            "[alerts]\nbuilt_in = false\nlog = false\nqueue = 2\n[alerts.storm]\nalerts = 100\n"
            "[[alerts.rule]]\nname = \"first\"\nper = \"host\"\nreason = [\"linger_zero\"]\n"
            "threshold = 1\n" +
            rules + "[[alerts.webhook]]\nurl = \"" + slow.url() +
            "\"\nattempts = 1\ntimeout = \"1m\"\n");
  start();
  const auto make = [&](const storm::Mix& mix) {
    apart.inside([&] {
      storm::run_load({.drivers = 1, .connections = 1, .mix = mix});
      storm::await_closed(0);
      return 0;
    });
  };
  make({0, 1, 0});
  slow.await(1);
  make({0, 0, 1});
  const std::string of_webhook = "alerts to webhook";
  await("waiting for the refusals", [&] {
    return sum_of(page(), "closewatch_sink_refused_total", of_webhook) == kRules - kQueue;
  });
  EXPECT_EQ(sum_of(page(), "closewatch_sink_taken_total", of_webhook), 1 + kQueue);
  // All came at once, so it is told at once, and not again in the next minute.
  constexpr const char* kTold =
      ": its queue of 2 is full; 7 refused since that was last told, 7 in all";
  await("waiting for the word of it",
        [&] { return daemon().errors().find(kTold) != std::string::npos; });
  may_answer.set_value();
  slow.await(1 + kQueue);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_THAT(daemon().errors(),
              ::testing::ContainsRegex("alerts to webhook[^\n]*: 10 offered = 3 delivered \\+ "
                                       "0 failed \\+ 7 refused \\+ 0 left"));
  EXPECT_EQ(daemon().errors().find("queue of 2 is full", daemon().errors().find(kTold) + 20),
            std::string::npos);
  EXPECT_THAT(daemon().errors(),
              ::testing::ContainsRegex("LOST for webhook[^\n]*: 7 of 10 alerts did not get there"));
  EXPECT_THAT(daemon().errors(), HasSubstr("alerts: 4 closures judged, 10 fired, 10 told"));
}

// A client of the TCP socket, from an address of its own.
UniqueFd connected(const char* from, std::uint16_t port) {
  UniqueFd client(must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  must(::inet_pton(AF_INET, from, &address.sin_addr), "inet_pton");
  must(::bind(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
       "connect");
  return client;
}

// All that the server says until it closes; a reset after it is an end too.
std::string said_to(const UniqueFd& client) {
  std::string said;
  char some[4096];
  for (ssize_t got = 0; (got = ::recv(client.get(), some, sizeof some, 0)) > 0;) {
    said.append(some, static_cast<std::size_t>(got));
  }
  return said;
}

TEST_F(refusals, of_connections_and_requests_are_counted_by_what_is_wrong) {
  constexpr std::uint16_t kPort = 10177;
  const Apart apart;
  configure(metrics("\"127.0.0.1:10177\"") +
            "connections = 5\nconnections_per_address = 2\nconnection_idle = \"5m\"\n"
            "[alerts]\nenabled = false\n");
  start();
  // Requests that are too large: first a target that is read whole, then what is not.
  const auto ask_for = [](const std::string& request) {
    const UniqueFd client = connected("127.0.0.9", kPort);
    (void)::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return said_to(client);
  };
  for (int time = 0; time < 3; ++time) {
    EXPECT_THAT(ask_for("GET /" + std::string(200, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"),
                HasSubstr(" 414 "));
  }
  for (int time = 0; time < 4; ++time) {
    ask_for("GET /metrics HTTP/1.1\r\nX-Huge: " + std::string(1 << 16, 'x') + "\r\n\r\n");
  }
  await("waiting for the last to be gone",
        [&] { return page().find("\nclosewatch_http_connections 1\n") != std::string::npos; });

  // Two of one address, three more of it; three of others, four more of others. Those that got in
  // say nothing, so who is turned away is told by the end of the connection.
  std::vector<UniqueFd> inside;
  const auto enter = [&](const char* from) { inside.push_back(connected(from, kPort)); };
  const auto find_no_room = [&](const char* from) {
    EXPECT_EQ(said_to(connected(from, kPort)), "");
  };
  enter("127.0.0.1");
  enter("127.0.0.1");
  for (int time = 0; time < 3; ++time) {
    find_no_room("127.0.0.1");
  }
  enter("127.0.0.2");
  enter("127.0.0.2");
  enter("127.0.0.3");
  for (int time = 0; time < 4; ++time) {
    find_no_room("127.0.0.4");
  }
  std::string last;
  await("waiting for all of them", [&] {
    last = page();
    return last.find("\nclosewatch_http_connections 6\n") != std::string::npos;
  });
  EXPECT_EQ(sum_of(last, "closewatch_http_requests_total", "target_too_long"), 3U);
  EXPECT_EQ(sum_of(last, "closewatch_http_connections_refused_total", "\"address_full\""), 3U);
  EXPECT_EQ(sum_of(last, "closewatch_http_connections_refused_total", "\"full\""), 4U);
  EXPECT_THAT(last, HasSubstr("\nclosewatch_http_connections_unanswered_total 4\n"));
  EXPECT_THAT(last, HasSubstr("\nclosewatch_http_connections_evicted_total 0\n"));
  inside.clear();
  EXPECT_EQ(stop(), 0) << daemon().errors();
}

}  // namespace
}  // namespace closewatch::daemon_test
