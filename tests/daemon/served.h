// SPDX-License-Identifier: Apache-2.0
// What all tests of the daemon begin with: a network namespace and a directory of their own, a
// service manager, and a `closewatch serve` that watches that namespace alone.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "tests/daemon/service_listener.h"
#include "tests/storm/await.h"
#include "tests/storm/closewatch.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::daemon_test {

// The executable under test, from the command line of the test.
const std::string& program();
// How long the soak lasts, from there too.
std::chrono::seconds time_to_soak();

// Skips without root.
class Served : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Base hooks, this namespace, a plain log, a history in the directory of the test, `more` behind
  // it: without more, no metrics.
  void configure(const std::string& more = "") const;
  // Starts it with what configure() wrote; ready when it returns.
  void start(const std::function<void()>& before_exec = [] {});
  // The same for a daemon whose log the test does not get to read.
  void start_unheard(const std::function<void()>& before_exec);
  // SIGHUP, until it is ready again.
  void reload();
  // Some heartbeats that were sent after now: more than the socket of the manager holds. Needs
  // watchdog_us_.
  void await_heartbeats();
  // As storm::await. Before it gives up it shows what the daemon knows, on stderr: its log, what it
  // counted by its metrics, its account.
  template <typename Condition>
  void await(const char* what, Condition holds) {
    storm::await(what, holds, [this] { show_account(); });
  }
  // SIGTERM, and its end: the exit code.
  int stop();
  // After the stop: the account closes, none of so many closures was lost, and all were recorded
  // and shown but for those at whose end the kernel ran no program (bpf/README.md, "What can go
  // unseen"): some vendors' do so to one in millions. How many were recorded.
  std::uint64_t expect_nothing_lost(std::uint64_t closures);

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  // Where its metrics are, if configure() says so, and what they say now.
  [[nodiscard]] std::string socket_path() const { return path("metrics.sock"); }
  [[nodiscard]] std::string page() const;
  [[nodiscard]] storm::Closewatch& daemon() { return *daemon_; }
  [[nodiscard]] Manager& manager() { return *manager_; }
  [[nodiscard]] std::uint32_t network() const { return network_; }
  // Memory of the daemon that is in use at this moment, in KiB.
  [[nodiscard]] std::uint64_t rss_kib() const;

  // What WATCHDOG_USEC says; empty: it is not set.
  std::string watchdog_us_;
  // Holds 160,000 closures and an amendment of each: more than a storm makes while the reader is
  // kept from its CPU, so that what is missing was not lost there.
  std::string ring_size_ = "64MiB";
  // Lines for [history]: as much room in its queues.
  std::string room_ = "queue = 1048576\npending_rows = 1048576\n";
  // The history, in the directory of the test.
  std::string history_ = "history.db";

 private:
  void launch(const std::function<void()>& before_exec);
  void show_account();

  std::uint32_t network_ = 0;
  std::string directory_;
  std::optional<Manager> manager_;
  std::optional<storm::Closewatch> daemon_;
};

// Leaves the watched namespace for one of its own: what starts from now on (the daemon, receivers,
// those who scrape) talks there, and is nobody's closure. Traffic is made inside().
class Apart {
 public:
  Apart();
  template <typename Function>
  auto inside(const Function& function) const {
    enter(watched_);
    const auto result = function();
    enter(own_);
    return result;
  }

 private:
  static void enter(const UniqueFd& network);

  UniqueFd watched_;
  UniqueFd own_;
};

}  // namespace closewatch::daemon_test
