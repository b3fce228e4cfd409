// SPDX-License-Identifier: Apache-2.0
#include "tests/daemon/served.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/storm/must.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {

void Served::SetUp() {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "skipped: needs root for BPF and network namespaces";
  }
  storm::enter_new_network();
  network_ = storm::network_inode();
  std::string pattern = testing::TempDir() + "closewatch-serve-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
  manager_.emplace();
}

void Served::TearDown() {
  daemon_.reset();
  if (!directory_.empty()) {
    std::filesystem::remove_all(directory_);
  }
}

void Served::configure(const std::string& more) const {
  std::ofstream(path("closewatch.toml"))
      << "[observe]\nhooks = \"base\"\nnetns = \"inode:" << network_ << "\"\n"
      << "[log]\nlevel = \"debug\"\nform = \"plain\"\n"
      << "[history]\npath = \"" << path("history.db") << "\"\n"
      << (more.empty() ? "[metrics]\nenabled = false\n" : more);
}

void Served::start(const std::function<void()>& before_exec) {
  daemon_.emplace(storm::Closewatch::Start{
      .program = {.path = program()},
      .arguments = {"serve", "--config", path("closewatch.toml")},
      .before_exec = [&] {
        storm::must(::setenv("NOTIFY_SOCKET", manager_->name().c_str(), 1), "setenv");
        if (!watchdog_us_.empty()) {
          storm::must(::setenv("WATCHDOG_USEC", watchdog_us_.c_str(), 1), "setenv");
        }
        before_exec();
      }});
  ASSERT_TRUE(daemon_->watches()) << daemon_->errors();
  manager_->await("READY=1");
}

void Served::reload() {
  daemon_->signal(SIGHUP);
  manager_->await("RELOADING=1");
  manager_->await("READY=1");
}

int Served::stop() {
  daemon_->signal(SIGTERM);
  return daemon_->wait();
}

}  // namespace closewatch::daemon_test
