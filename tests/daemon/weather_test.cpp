// SPDX-License-Identifier: Apache-2.0
// Sinks that hang, lie, are gone or full, clients that misbehave: none of them costs a record, nor
// the heartbeat, nor the stop.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "tests/daemon/kept.h"
#include "tests/daemon/locked.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/data/fake_server.h"
#include "tests/storm/load.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {
namespace {

using closewatch::testing::answers;
using closewatch::testing::FakeServer;
using closewatch::testing::hangs_after;
using closewatch::testing::kOk;
using closewatch::testing::never_ends;
using std::chrono::steady_clock;
using storm::must;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class weather : public Served {
 protected:
  weather() { watchdog_us_ = "300000"; }  // it looks every 100 ms

  [[nodiscard]] std::string file() const { return path(history_); }

  // One alert as soon as a connection was closed with data unread.
  [[nodiscard]] std::string one_alert(const std::string& listen = "") const {
    return "[metrics]\nlisten = [" + listen + "]\nsocket_path = \"" + socket_path() +
           "\"\n[alerts]\nbuilt_in = false\n[[alerts.rule]]\nname = \"unread\"\n"
           "reason = [\"unread_data\"]\nthreshold = 1\n";
  }
  static std::string webhook(const std::string& url, const std::string& more =
                                                         "timeout = \"300ms\"\nattempts = 2\n"
                                                         "back_off = \"10ms\"\n") {
    return "[[alerts.webhook]]\nurl = \"" + url + "\"\n" + more;
  }
  // Makes so many connections in the watched namespace, and waits for the metrics to count them:
  // the ring thread gets on. Gives the closures.
  std::uint64_t await_traffic(const Apart& apart, std::uint64_t connections) {
    const std::uint64_t before = sum_of(page(), "closewatch_closures_total");
    const std::uint64_t closures = 2 * apart.inside([&] {
      const auto made =
          storm::run_load({.drivers = 1, .connections = connections, .mix{6, 2, 2}}).all();
      storm::await_closed(0);
      return made.connections();
    });
    await("waiting for the metrics",
          [&] { return sum_of(page(), "closewatch_closures_total") == before + closures; });
    return closures;
  }
};

TEST_F(weather, receivers_that_hang_and_lie_and_a_locked_history) {
  const Apart apart;
  const FakeServer silent(hangs_after(""));
  const FakeServer garbage(answers("\x01\x02 no HTTP at all\r\n\r\n"));
  const FakeServer headers(never_ends("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"));
  const FakeServer redirects(
      answers("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"));
  // Its status says that it has taken the alert; what it says then is cut short.
  const FakeServer body(never_ends("HTTP/1.1 200 OK\r\n\r\n", std::string(4096, 'x')));
  const auto attempts = std::make_shared<std::atomic<int>>(0);
  const FakeServer alertmanager([attempts](int connection) {  // gone, then back
    if (++*attempts > 3) {
      closewatch::testing::say(connection, kOk);
    }
  });
  std::string receivers;
  for (const FakeServer* each : {&silent, &garbage, &headers}) {
    receivers += webhook(each->url());
  }
  for (const FakeServer* each : {&redirects, &body}) {  // asked once: they answer, at last
    receivers += webhook(each->url(), "timeout = \"1m\"\nattempts = 2\n");
  }
  receivers += webhook("http://127.0.0.1:9/nobody");
  receivers +=
      "[[alerts.alertmanager]]\nurl = \"" + alertmanager.url("") + "\"\nback_off = \"10ms\"\n";
  for (const char* program :
       {"/bin/sleep\"\narguments = [\"1000\"]", "/usr/bin/yes\"", "/bin/false\""}) {
    receivers += "[[alerts.program]]\npath = \"" + std::string(program) + "\ntimeout = \"300ms\"\n";
  }
  configure(one_alert() + receivers);
  start();
  std::uint64_t closures = 0;
  {
    const Locked locked(file());
    closures += await_traffic(apart, 1000);
    // Each of eight gave its alert up.
    await("waiting for what failed",
          [&] { return sum_of(page(), "closewatch_sink_failed_total", "alerts to ") == 8; });
    await_heartbeats();
    closures += await_traffic(apart, 1000);
    EXPECT_EQ(ask(file(), kCounted), 0U);
  }
  await("waiting for the history", [&] { return ask(file(), kCounted) == closures; });
  ASSERT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(closures);
  const std::string errors = daemon().errors();
  for (const FakeServer* each : {&silent, &garbage, &headers, &redirects}) {
    EXPECT_THAT(errors, HasSubstr("alerts to webhook " + each->url("") +
                                  ": 1 offered = 0 delivered + 1 failed"));
  }
  EXPECT_THAT(errors, HasSubstr("alerts to webhook " + body.url("") + ": 1 offered = 1 delivered"));
  EXPECT_THAT(errors, HasSubstr("alerts to alertmanager " + alertmanager.url("") +
                                ": 1 offered = 1 delivered"));
  EXPECT_THAT(errors, HasSubstr("alerts reach alertmanager " + alertmanager.url("") + " again"));
  EXPECT_THAT(errors, HasSubstr("alerts to webhook http://127.0.0.1:9: 1 offered = "
                                "0 delivered + 1 failed + 0 refused + 0 left"));
  for (const char* program : {"/bin/sleep", "/usr/bin/yes", "/bin/false"}) {
    EXPECT_THAT(errors, ContainsRegex("alerts to program " + std::string(program) +
                                      "[^\n]*: 1 offered = 0 delivered \\+ 1 failed"));
  }
  EXPECT_EQ(*attempts, 4);
  EXPECT_EQ(redirects.requests().size(), 1U);
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss"), 0U);
}

// Sums are kept for as long as the file cannot be written, rows as far as there is room.
TEST_F(weather, rows_that_a_locked_history_has_no_room_for_are_told_exactly) {
  const Apart apart;
  room_ = "pending_rows = 64\n";
  configure("graceful_rows_per_minute = 0\n" + one_alert());
  start();
  storm::DriverResult made;
  {
    const Locked locked(file());
    made = apart.inside([] {
      const auto result = storm::run_load({.drivers = 1, .connections = 1000, .mix{6, 2, 2}}).all();
      storm::await_closed(0);
      return result;
    });
    await("waiting for the metrics", [&] {
      return sum_of(page(), "closewatch_closures_total") == 2 * made.connections() &&
             sum_of(page(), "closewatch_sink_failed_total", "history") > 0;
    });
    await_heartbeats();
  }
  const std::uint64_t closures = 2 * made.connections();
  await("waiting for the history", [&] { return ask(file(), kCounted) == closures; });
  ASSERT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(closures);
  // Both ends of a connection that was not closed gracefully are rows.
  const std::uint64_t rows = 2 * (made.connections() - made.of(storm::Ending::graceful));
  const std::uint64_t kept = ask(file(), "SELECT count(*) FROM closure");
  EXPECT_EQ(ask(file(), "SELECT sum(records) FROM loss WHERE kind = 'row'"), rows - kept);
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss WHERE kind <> 'row'"), 0U);
  EXPECT_THAT(daemon().errors(),
              HasSubstr("history: " + std::to_string(closures) + " closures taken, " +
                        std::to_string(kept) + " rows written, 0 refused, " +
                        std::to_string(rows - kept) + " rows and 0 rollups refused"));
}

// Nobody reads the log, the history stays locked, a receiver and a program hang with all their
// time: it still watches, reloads, and ends.
TEST_F(weather, a_stop_ends_whatever_hangs) {
  const Apart apart;
  const FakeServer silent(hangs_after(""));
  int ends[2];
  must(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
  const UniqueFd unread(ends[0]);
  const UniqueFd log(ends[1]);
  const std::string filling(65'536, '\n');
  while (::write(log.get(), filling.data(), filling.size()) > 0) {
  }
  must(::fcntl(log.get(), F_SETFL, 0), "F_SETFL");  // as a log is that a service manager gives
  configure(one_alert() + webhook(silent.url(), "timeout = \"1m\"\n") +
            "[[alerts.program]]\npath = \"/bin/sleep\"\narguments = [\"1000\"]\n"
            "timeout = \"5m\"\n");
  start_unheard([&] { must(::dup2(log.get(), STDERR_FILENO), "dup2"); });
  const Locked locked(file());
  await_traffic(apart, 500);
  silent.await(1);
  Served::reload();
  await_traffic(apart, 500);
  await("waiting for the count of what the log lost",
        [&] { return sum_of(page(), "closewatch_sink_refused_total", "\"log\"") > 0; });
  EXPECT_EQ(sum_of(page(), "closewatch_kernel_ends_total", "lost_ring"), 0U);
  const auto asked = steady_clock::now();
  EXPECT_EQ(stop(), 0);
  // 5 s each for what the reload left, the history and the receivers: within what the unit allows
  // (TimeoutStopSec).
  EXPECT_LT(steady_clock::now() - asked, std::chrono::seconds(30));
}

TEST_F(weather, a_full_disk_is_waited_for) {
  must(::unshare(CLONE_NEWNS), "unshare");
  must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
  const std::string disk = path("disk");
  must(::mkdir(disk.c_str(), 0700), "mkdir");
  history_ = "disk/history.db";
  const Apart apart;
  must(::mount("small", disk.c_str(), "tmpfs", 0, "size=320k"), "tmpfs");
  configure(one_alert());
  start();
  std::uint64_t closures = 0;
  while (daemon().errors().find("cannot be written: ") == std::string::npos) {
    closures += await_traffic(apart, 500);
  }
  closures += await_traffic(apart, 500);
  await_heartbeats();
  must(::mount("small", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), "a larger tmpfs");
  await("waiting for the history", [&] { return ask(file(), kCounted) == closures; });
  EXPECT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(closures);
  EXPECT_THAT(daemon().errors(), HasSubstr("can be written again"));
  EXPECT_EQ(ask_text(file(), "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss"), 0U);
  must(::umount2(disk.c_str(), MNT_DETACH), "umount");
}

TEST_F(weather, clients_that_misbehave_are_bounded) {
  constexpr std::uint16_t kPort = 10177;
  constexpr std::uint64_t kWeatherGrowthKib = 8192;
  const Apart apart;
  configure(one_alert("\"127.0.0.1:10177\""));
  start();
  std::uint64_t closures = await_traffic(apart, 500);
  const std::uint64_t before_kib = rss_kib();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<UniqueFd> clients;
  const std::string huge = "GET /metrics HTTP/1.1\r\nX-Huge: " + std::string(1 << 20, 'x');
  for (int i = 0; i < 200; ++i) {
    UniqueFd client(
        must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    // Nothing, half a request, and one without end: it may be cut off at any moment.
    const std::string_view text(huge.data(), i % 3 == 0 ? 0 : i % 3 == 1 ? 9 : huge.size());
    (void)::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
    clients.push_back(std::move(client));
  }
  closures += await_traffic(apart, 500);  // the other socket answers meanwhile
  await_heartbeats();
  EXPECT_LE(rss_kib(), before_kib + kWeatherGrowthKib);
  clients.clear();
  EXPECT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(closures);
}

}  // namespace
}  // namespace closewatch::daemon_test
