// SPDX-License-Identifier: Apache-2.0
// What all tests of the daemon begin with: a network namespace and a directory of their own, a
// service manager, and a `closewatch serve` that watches that namespace alone.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "tests/daemon/service_listener.h"
#include "tests/storm/closewatch.h"

namespace closewatch::daemon_test {

// The executable under test, from the command line of the test.
const std::string& program();

// Skips without root.
class Served : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Base hooks, this namespace, a plain log, a history in the directory of the test, `more` behind
  // it: without more, no metrics.
  void configure(const std::string& more = "") const;
  // Starts it with what configure() wrote; ready when it returns.
  void start(const std::function<void()>& before_exec = [] {});
  // SIGHUP, until it is ready again.
  void reload();
  // SIGTERM, and its end: the exit code.
  int stop();

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] storm::Closewatch& daemon() { return *daemon_; }
  [[nodiscard]] Manager& manager() { return *manager_; }
  [[nodiscard]] std::uint32_t network() const { return network_; }

  // What WATCHDOG_USEC says; empty: it is not set.
  std::string watchdog_us_;

 private:
  std::uint32_t network_ = 0;
  std::string directory_;
  std::optional<Manager> manager_;
  std::optional<storm::Closewatch> daemon_;
};

}  // namespace closewatch::daemon_test
