// SPDX-License-Identifier: Apache-2.0
// Where closures go: counted for Prometheus, judged by the rules, and told.
#include <gmock/gmock.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/daemon/kept.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/storm/connection.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class outlets : public Served {
 protected:
  // Waits until a page counts so many closures: a page is as old as a second.
  std::string await_page(std::uint64_t closures) {
    std::string last;
    await("waiting for the metrics", [&] {
      last = page();
      return sum_of(last, "closewatch_closures_total", "") >= closures;
    });
    return last;
  }
};

TEST_F(outlets, metrics_count_every_closure) {
  configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  const storm::DriverResult made =
      storm::run_load({.drivers = 2, .connections = 500, .mix{6, 2, 2}}).all();
  storm::await_closed(0);
  const std::string last = await_page(2 * made.connections());
  EXPECT_EQ(sum_of(last, "closewatch_closures_total", ""), 2 * made.connections());
  EXPECT_EQ(sum_of(last, "closewatch_closures_total", "reason=\"unread_data\""),
            made.of(storm::Ending::unread_data));
  EXPECT_EQ(sum_of(last, "closewatch_closures_total", "reason=\"linger_zero\""),
            made.of(storm::Ending::linger_zero));
  EXPECT_THAT(get(socket_path(), "/healthz"), HasSubstr("200"));
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_NE(::access(socket_path().c_str(), F_OK), 0);
}

// Its peer reads nothing, so the close of what its application has given away goes on and on.
TEST_F(outlets, metrics_tell_of_closes_that_still_run) {
  watchdog_us_ = "1500000";  // it looks at itself every half second
  configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  const storm::Listener listener;
  storm::Connection connection = listener.connect();
  const std::string much(1 << 20, 'x');
  std::uint64_t sent = 0;
  for (ssize_t taken = 0; taken >= 0;) {
    sent += static_cast<std::uint64_t>(taken);
    taken = ::send(connection.client.get(), much.data(), much.size(), MSG_DONTWAIT);
  }
  connection.client.reset();
  // What the peer's kernel has is acknowledged; the rest is under way for ever.
  const auto under_way = [&] {
    int arrived = 0;
    storm::must(::ioctl(connection.server.get(), SIOCINQ, &arrived), "SIOCINQ");
    return sent - static_cast<std::uint64_t>(arrived);
  };
  std::string last;
  await("waiting for the metrics", [&] {
    last = page();
    return sum_of(last, "closewatch_pending_bytes", "") == under_way();
  });
  EXPECT_EQ(sum_of(last, "closewatch_pending_closes", ""), 1U);
  EXPECT_EQ(sum_of(last, "closewatch_pending_closes", "state=\"FIN_WAIT1\""), 1U);
  EXPECT_THAT(last, Not(HasSubstr("\nclosewatch_pending_oldest_seconds 0\n")));
  EXPECT_EQ(stop(), 0);
}

// Without anything asked for: the kernel counts a reset in SYN_SENT as an abort, so the metrics see
// it too; the history, which was not asked to keep attempts, does not.
TEST_F(outlets, metrics_cover_what_the_kernel_counts) {
  watchdog_us_ = "1500000";  // it looks at itself every half second
  std::ofstream(path("closewatch.toml"))
      << "[observe]\nhooks = \"base\"\n[history]\npath = \"" << path("history.db") << "\"\n"
      << "[metrics]\nlisten = []\nsocket_path = \"" << socket_path() << "\"\n";
  start();
  // Its queue has room for one; the SYN of the next is not answered.
  const UniqueFd listener = storm::open_socket();
  storm::must(::listen(listener.get(), 0), "listen");
  sockaddr_in address{};
  socklen_t length = sizeof address;
  storm::must(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length),
              "getsockname");
  address.sin_addr.s_addr = htonl(storm::kLoopback);
  const UniqueFd queued = storm::open_socket();
  storm::must(::connect(queued.get(), reinterpret_cast<const sockaddr*>(&address), length),
              "connect");
  UniqueFd attempt(storm::must(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket"));
  ASSERT_EQ(::connect(attempt.get(), reinterpret_cast<const sockaddr*>(&address), length), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  storm::set_linger_zero(attempt.get());
  attempt.reset();
  std::string last;
  await("waiting for the metrics", [&] {
    last = page();
    // The kernel's counter may be read before the record is.
    return sum_of(last, "closewatch_coverage_kernel_ends_total", "end=\"abort_on_data\"") > 0 &&
           sum_of(last, "closewatch_coverage_seen_ends_total", "end=\"abort_on_data\"") > 0;
  });
  EXPECT_EQ(sum_of(last, "closewatch_coverage_kernel_ends_total", "end=\"abort_on_data\""), 1U);
  EXPECT_EQ(sum_of(last, "closewatch_coverage_seen_ends_total", "end=\"abort_on_data\""), 1U);
  EXPECT_EQ(sum_of(last, "closewatch_failed_attempts_total", "reason=\"closed_in_syn_sent\""), 1U);
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(
      ask(path("history.db"), "SELECT count(*) FROM closure WHERE reason = 'closed_in_syn_sent'"),
      0U);
}

// As userspace/daemon/README.md states it.
TEST_F(outlets, each_has_one_thread) {
  configure("[metrics]\nlisten = [\"127.0.0.1:0\"]\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  await_page(0);
  const auto threads = [&] {
    const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(daemon().pid()) +
                                                    "/task");
    return std::distance(begin(tasks), end(tasks));
  };
  EXPECT_EQ(threads(), 6);  // ring, history, two sockets, pending closes, the log's alerts
  reload();
  await("waiting for the old sinks to end", [&] { return threads() == 6; });
  EXPECT_EQ(stop(), 0);
}

TEST_F(outlets, metrics_move_with_a_reload_and_keep_their_counts) {
  configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  const storm::DriverResult before = storm::run_load({.drivers = 1, .connections = 50}).all();
  storm::await_closed(0);
  await_page(2 * before.connections());
  configure("[metrics]\nlisten = []\nsocket_path = \"" + path("moved.sock") + "\"\n");
  Served::reload();
  EXPECT_NE(::access(socket_path().c_str(), F_OK), 0);
  const std::string last = get(path("moved.sock"), "/metrics");
  EXPECT_EQ(sum_of(last, "closewatch_closures_total", ""), 2 * before.connections());
  configure("[metrics]\nenabled = false\n");
  Served::reload();
  EXPECT_EQ(stop(), 0);
  EXPECT_NE(::access(path("moved.sock").c_str(), F_OK), 0);
}

// An address that somebody else has: they stay where they are, and the next reload tries again.
TEST_F(outlets, metrics_stay_where_they_are_when_a_reload_cannot_move_them) {
  configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  std::optional<storm::Listener> taken(std::in_place);
  const std::string elsewhere =
      "[metrics]\nlisten = [\"127.0.0.1:" + std::to_string(taken->port()) +
      "\"]\nsocket_path = \"" + path("moved.sock") + "\"\n";
  configure(elsewhere);
  Served::reload();
  EXPECT_THAT(daemon().errors(), HasSubstr("metrics: cannot listen on 127.0.0.1:"));
  EXPECT_THAT(get(socket_path(), "/healthz"), HasSubstr("200"));
  taken.reset();
  Served::reload();
  EXPECT_THAT(get(path("moved.sock"), "/healthz"), HasSubstr("200"));
  EXPECT_NE(::access(socket_path().c_str(), F_OK), 0);
  EXPECT_EQ(stop(), 0);
}

TEST_F(outlets, an_alert_is_told_with_its_evidence) {
  configure("[metrics]\nenabled = false\n");
  start();
  storm::run_load({.drivers = 1, .connections = 20, .mix{0, 0, 1}});
  await("waiting for the alert",
        [&] { return daemon().errors().find("\nalert firing: ") != std::string::npos; });
  ASSERT_EQ(stop(), 0);
  EXPECT_THAT(daemon().errors(), HasSubstr("abortive_loss"));
  EXPECT_THAT(daemon().errors(), HasSubstr("\"reason\":\"unread_data\""));
  EXPECT_THAT(daemon().errors(), HasSubstr("alerts to log: 1 offered = 1 delivered + 0 failed"));
}

// Nobody answers there. What waits for it is not given up by a reload that leaves it as it is.
TEST_F(outlets, receivers_that_stay_the_same_keep_what_waits_and_their_counts) {
  const storm::Listener nobody;
  const std::string receivers =
      "[metrics]\nenabled = false\n[alerts]\nbuilt_in = false\n"
      "[[alerts.webhook]]\nurl = \"http://127.0.0.1:" +
      std::to_string(nobody.port()) + "/\"\ntimeout = \"60s\"\n";
  const auto rule = [](const std::string& name) {
    return "[[alerts.rule]]\nname = \"" + name + "\"\nreason = [\"linger_zero\"]\nthreshold = 10\n";
  };
  configure(receivers + rule("resets"));
  start();
  storm::run_load({.drivers = 1, .connections = 20, .mix{0, 1, 0}});
  await("waiting for the alert",
        [&] { return daemon().errors().find("\nalert firing: ") != std::string::npos; });
  configure(receivers + rule("resets") + rule("more_resets"));
  Served::reload();
  Served::reload();  // would wait for receivers that end
  storm::run_load({.drivers = 1, .connections = 20, .mix{0, 1, 0}});
  await("waiting for the other alert",
        [&] { return daemon().errors().find("\nalert firing: more_resets") != std::string::npos; });
  ASSERT_EQ(stop(), 0);
  EXPECT_THAT(daemon().errors(),
              HasSubstr("alerts to log: 2 offered = 2 delivered + 0 failed + 0 refused + 0 left"));
  EXPECT_THAT(daemon().errors(),
              HasSubstr("alerts to webhook http://127.0.0.1:" + std::to_string(nobody.port()) +
                        ": 2 offered = 0 delivered + 0 failed + 0 refused + 2 left"));
}

TEST_F(outlets, other_rules_after_a_reload) {
  configure("[metrics]\nenabled = false\n[alerts]\nbuilt_in = false\n");
  start();
  storm::run_load({.drivers = 1, .connections = 20, .mix{0, 0, 1}});
  storm::await_closed(0);
  configure(
      "[metrics]\nenabled = false\n[alerts]\nbuilt_in = false\n"
      "[[alerts.rule]]\nname = \"resets\"\nreason = [\"linger_zero\"]\nthreshold = 10\n");
  Served::reload();
  storm::run_load({.drivers = 1, .connections = 20, .mix{0, 1, 0}});
  await("waiting for the alert",
        [&] { return daemon().errors().find("\nalert firing: ") != std::string::npos; });
  ASSERT_EQ(stop(), 0);
  EXPECT_THAT(daemon().errors(), HasSubstr("resets"));
  EXPECT_THAT(daemon().errors(), Not(HasSubstr("abortive_loss")));
}

}  // namespace
}  // namespace closewatch::daemon_test
