// SPDX-License-Identifier: Apache-2.0
// Every sink at once in a storm: each of them has every closure, or says exactly what it does not
// have.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/daemon/kept.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/data/fake_server.h"
#include "tests/storm/child.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

using closewatch::testing::answers;
using closewatch::testing::FakeServer;
using closewatch::testing::kOk;
using ::testing::HasSubstr;

class sinks : public Served {
 protected:
  sinks() { watchdog_us_ = "300000"; }  // it looks every 100 ms

  // A rule of each kind of end, told to every receiver there is.
  void configure_all(const FakeServer& webhook, const FakeServer& alertmanager) const {
    std::string more = "[metrics]\nlisten = []\nsocket_path = \"" + socket_path() +
                       "\"\n[alerts]\nbuilt_in = false\n";
    for (const char* reason : {"unread_data", "linger_zero", "reset_by_peer", "local_first"}) {
      more += "[[alerts.rule]]\nname = \"" + std::string(reason) + "\"\nreason = [\"" + reason +
              "\"]\nthreshold = 1\n";
    }
    configure(more + "[[alerts.alertmanager]]\nurl = \"" + alertmanager.url("") +
              "\"\n[[alerts.webhook]]\nurl = \"" + webhook.url() +
              "\"\n[[alerts.program]]\npath = \"/bin/true\"\n");
  }

  // After the stop, with what went through the pipeline: `closures`.
  void expect_all_have(std::uint64_t closures) {
    EXPECT_EQ(ask(path("history.db"), kCounted), closures);
    const std::string errors = daemon().errors();
    EXPECT_THAT(errors, HasSubstr("history: " + std::to_string(closures) + " closures taken"));
    EXPECT_THAT(errors, HasSubstr("alerts: " + std::to_string(closures) +
                                  " closures judged, 4 fired, 4 told, 0 held back"));
    for (const char* receiver : {"log", "alertmanager", "webhook", "program"}) {
      EXPECT_THAT(errors, ::testing::ContainsRegex("alerts to " + std::string(receiver) +
                                                   "[^\n]*: 4 offered = 4 delivered \\+ 0 failed"
                                                   " \\+ 0 refused \\+ 0 left"));
    }
  }
};

TEST_F(sinks, a_storm_at_full_speed_loses_nothing_in_any) {
  const Apart apart;
  const FakeServer webhook(answers(std::string(kOk)));
  const FakeServer alertmanager(answers(std::string(kOk)));
  configure_all(webhook, alertmanager);
  start();
  storm::Child scraper([&] {
    for (;;) {
      static_cast<void>(page());
    }
  });
  const storm::DriverResult made = apart.inside([] {
    const auto result =
        storm::run_load(
            {.drivers = 2, .connections = 40'000, .time = std::chrono::seconds(2), .mix{6, 2, 2}})
            .all();
    storm::await_closed(0);
    return result;
  });
  const std::uint64_t closures = 2 * made.connections();
  await("waiting for the metrics", [&] { return accounted_for(page()) >= closures; });
  scraper.signal(SIGKILL);
  scraper.wait();
  const std::string last = page();
  ASSERT_EQ(stop(), 0) << daemon().errors();
  const std::uint64_t seen = expect_nothing_lost(closures);
  EXPECT_EQ(sum_of(last, "closewatch_closures_total"), seen);
  expect_all_have(seen);
  EXPECT_EQ(webhook.requests().size(), 4U);
  EXPECT_EQ(ask(path("history.db"), "SELECT count(*) FROM loss"), 0U);
  EXPECT_EQ(ask(path("history.db"), "SELECT count(*) FROM closure WHERE reason = 'unread_data'"),
            made.of(storm::Ending::unread_data));
}

// The daemon stands still until the ring has long been full.
TEST_F(sinks, what_the_ring_could_not_hold_is_told_by_all) {
  const Apart apart;
  const FakeServer webhook(answers(std::string(kOk)));
  const FakeServer alertmanager(answers(std::string(kOk)));
  ring_size_ = "64KiB";
  configure_all(webhook, alertmanager);
  start();
  daemon().signal(SIGSTOP);
  const storm::DriverResult made = apart.inside([] {
    const auto result = storm::run_load({.drivers = 2, .connections = 1000, .mix{6, 2, 2}}).all();
    storm::await_closed(0);
    return result;
  });
  daemon().signal(SIGCONT);
  std::string last;
  await("waiting for the metrics", [&] {
    last = page();
    return sum_of(last, "closewatch_closures_total") > 0 &&
           sum_of(last, "closewatch_kernel_ends_total", "lost_ring") > 0;
  });
  ASSERT_EQ(stop(), 0) << daemon().errors();
  const auto account = storm::Account::of(daemon().errors());
  ASSERT_TRUE(account) << daemon().errors();
  storm::expect_identities(*account);
  EXPECT_EQ(account->ended - account->filtered + account->unseen, 2 * made.connections());
  EXPECT_LE(account->unseen, 1U);
  EXPECT_GT(account->lost, 0U);
  EXPECT_EQ(account->lost_ring, account->lost);
  EXPECT_EQ(sum_of(last, "closewatch_kernel_ends_total", "lost_ring"), account->lost);
  EXPECT_EQ(sum_of(last, "closewatch_closures_total"), account->recorded);
  expect_all_have(account->recorded);
  EXPECT_EQ(ask(path("history.db"), "SELECT sum(records) FROM loss WHERE kind = 'ring'"),
            account->lost_ring + account->lost_amendments);
}

}  // namespace
}  // namespace closewatch::daemon_test
