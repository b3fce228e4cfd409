// SPDX-License-Identifier: Apache-2.0
// A large history after a kill -9: it is checked beside observation, which goes on as ever; a stop
// does not wait, the start after it takes the check up, and what is damaged is put aside.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/daemon/kept.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/data/large_history.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {
namespace {

using closewatch::testing::kLarge;
using closewatch::testing::kSlowNoMore;
using closewatch::testing::kSlowToCheck;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kOwed = "SELECT unchecked FROM session ORDER BY id DESC LIMIT 1";

class checkup : public Served {
 protected:
  checkup() { watchdog_us_ = "300000"; }  // it looks every 100 ms

  [[nodiscard]] std::string file() const { return path("history.db"); }
  void configure_metrics() const {
    configure("[metrics]\nlisten = []\nsocket_path = \"" + socket_path() +
              "\"\n[alerts]\nenabled = false\n");
  }
  // Closures, in the history when it returns.
  std::uint64_t make(std::uint64_t connections) {
    const std::uint64_t before = ask(file(), kCounted);
    const std::uint64_t closures =
        2 * storm::run_load({.drivers = 1, .connections = connections, .mix{6, 2, 2}})
                .all()
                .connections();
    storm::await_closed(0);
    await("waiting for the history", [&] { return ask(file(), kCounted) == before + closures; });
    return closures;
  }
  // What a daemon kept until it was killed, and that `sql` made large. Gives its closures.
  std::uint64_t kill_and_change(const std::string& sql) {
    configure_metrics();
    start();
    const std::uint64_t closures = make(100);
    daemon().signal(SIGKILL);
    EXPECT_EQ(daemon().wait(), 128 + SIGKILL);
    change(file(), sql);
    return closures;
  }
};

TEST_F(checkup, goes_on_beside_observation_and_after_a_stop) {
  std::uint64_t closures = kill_and_change(kSlowToCheck);
  start();
  EXPECT_THAT(daemon().errors(), HasSubstr("the last run did not stop"));
  EXPECT_THAT(daemon().errors(), HasSubstr("it is large, and checked while it is written"));
  std::uint64_t now = make(500);
  closures += now;
  await_heartbeats();
  EXPECT_EQ(sum_of(page(), "closewatch_history_unchecked"), 1U);
  EXPECT_GT(sum_of(page(), "closewatch_history_bytes"), 64U << 20);
  EXPECT_GT(sum_of(page(), "closewatch_history_log_bytes"), 0U);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(now);
  EXPECT_THAT(daemon().errors(), HasSubstr("is not known to be whole: the next start checks it"));
  EXPECT_EQ(ask(file(), kOwed), 1U);

  change(file(), kSlowNoMore);
  start();
  EXPECT_THAT(daemon().errors(), Not(HasSubstr("the last run did not stop")));
  EXPECT_THAT(daemon().errors(), HasSubstr("it is large, and checked while it is written"));
  now = make(100);
  closures += now;
  await("waiting for the check",
        [&] { return sum_of(page(), "closewatch_history_unchecked") == 0; });
  EXPECT_THAT(daemon().errors(), HasSubstr("was checked: it is whole"));
  ASSERT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(now);
  EXPECT_EQ(ask(file(), kOwed), 0U);
  EXPECT_EQ(ask(file(), kCounted), closures);
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss WHERE kind <> 'killed'"), 0U);

  start();
  ASSERT_EQ(stop(), 0) << daemon().errors();
  EXPECT_THAT(daemon().errors(), Not(HasSubstr("checked")));
}

TEST_F(checkup, puts_a_damaged_file_aside_and_loses_nothing_since) {
  const std::uint64_t before = kill_and_change(kLarge);
  {
    // Amid what the large value is spread over, which nothing else reads.
    std::fstream bytes(file(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(std::streamoff{9765} * 4096);
    bytes << std::string(4096, '\xff');
    ASSERT_TRUE(bytes.good());
  }
  start();
  EXPECT_THAT(daemon().errors(), HasSubstr("it is large, and checked while it is written"));
  await("waiting for the check",
        [&] { return sum_of(page(), "closewatch_history_set_aside_total") == 1; });
  EXPECT_EQ(sum_of(page(), "closewatch_history_unchecked"), 0U);
  EXPECT_THAT(daemon().errors(), HasSubstr("and a new history begins"));
  const std::uint64_t since = make(500);
  ASSERT_EQ(stop(), 0) << daemon().errors();
  expect_nothing_lost(since);
  EXPECT_EQ(ask(file(), kCounted), since);
  EXPECT_EQ(ask(file(), "SELECT count(*) FROM loss WHERE kind = 'set_aside'"), 1U);
  const std::string name = ask_text(file(),
                                    "SELECT substr(note, 1, instr(note, ': ') - 1) FROM loss"
                                    " WHERE kind = 'set_aside'");
  EXPECT_EQ(ask(name, kCounted), before);
}

}  // namespace
}  // namespace closewatch::daemon_test
