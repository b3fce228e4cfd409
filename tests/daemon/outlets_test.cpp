// SPDX-License-Identifier: Apache-2.0
// Where closures go: counted for Prometheus, judged by the rules, and told.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/storm/await.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class outlets : public Served {
 protected:
  [[nodiscard]] std::string socket_path() const { return path("metrics.sock"); }
  // Waits until a page counts so many closures: a page is as old as a second.
  std::string await_page(std::uint64_t closures) {
    std::string page;
    storm::await("waiting for the metrics", [&] {
      page = get(socket_path(), "/metrics");
      return sum_of(page, "closewatch_closures_total", "") >= closures;
    });
    return page;
  }
};

TEST_F(outlets, metrics_count_every_closure) {
  configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  const storm::DriverResult made =
      storm::run_load({.drivers = 2, .connections = 500, .mix{6, 2, 2}}).all();
  storm::await_closed(0);
  const std::string page = await_page(2 * made.connections());
  EXPECT_EQ(sum_of(page, "closewatch_closures_total", ""), 2 * made.connections());
  EXPECT_EQ(sum_of(page, "closewatch_closures_total", "reason=\"unread_data\""),
            made.of(storm::Ending::unread_data));
  EXPECT_EQ(sum_of(page, "closewatch_closures_total", "reason=\"linger_zero\""),
            made.of(storm::Ending::linger_zero));
  EXPECT_THAT(get(socket_path(), "/healthz"), HasSubstr("200"));
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_NE(::access(socket_path().c_str(), F_OK), 0);
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
  EXPECT_EQ(threads(), 5);  // ring, history, two sockets, the log's alerts
  reload();
  storm::await("waiting for the old sinks to end", [&] { return threads() == 5; });
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
  const std::string page = get(path("moved.sock"), "/metrics");
  EXPECT_EQ(sum_of(page, "closewatch_closures_total", ""), 2 * before.connections());
  configure("[metrics]\nenabled = false\n");
  Served::reload();
  EXPECT_EQ(stop(), 0);
  EXPECT_NE(::access(path("moved.sock").c_str(), F_OK), 0);
}

TEST_F(outlets, an_alert_is_told_with_its_evidence) {
  configure("[metrics]\nenabled = false\n");
  start();
  storm::run_load({.drivers = 1, .connections = 20, .mix{0, 0, 1}});
  storm::await("waiting for the alert",
               [&] { return daemon().errors().find("<4>alert ") != std::string::npos; });
  ASSERT_EQ(stop(), 0);
  EXPECT_THAT(daemon().errors(), HasSubstr("abortive_loss"));
  EXPECT_THAT(daemon().errors(), HasSubstr("\"reason\":\"unread_data\""));
  EXPECT_THAT(daemon().errors(), HasSubstr("alerts to log: 1 offered = 1 delivered + 0 failed"));
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
  storm::await("waiting for the alert",
               [&] { return daemon().errors().find("<4>alert ") != std::string::npos; });
  ASSERT_EQ(stop(), 0);
  EXPECT_THAT(daemon().errors(), HasSubstr("resets"));
  EXPECT_THAT(daemon().errors(), Not(HasSubstr("abortive_loss")));
}

}  // namespace
}  // namespace closewatch::daemon_test
