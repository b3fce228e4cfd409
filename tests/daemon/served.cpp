// SPDX-License-Identifier: Apache-2.0
#include "tests/daemon/served.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/daemon/page.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"

namespace closewatch::daemon_test {
namespace {

// Closures for each that ends unseen, and more: one was seen in 6 million, on a busy host in 4.
constexpr std::uint64_t kSeldom = 1'000'000;

}  // namespace

void Served::SetUp() {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "skipped: needs root for BPF and network namespaces";
  }
  storm::enter_new_network();
  network_ = storm::network_inode();
  std::string pattern = ::testing::TempDir() + "closewatch-serve-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
  manager_.emplace(path("manager.sock"));
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
      << "ring_size = \"" << ring_size_ << "\"\n[log]\nlevel = \"debug\"\nform = \"plain\"\n"
      << "[history]\npath = \"" << path(history_) << "\"\n"
      << room_ << (more.empty() ? "[metrics]\nenabled = false\n" : more);
}

void Served::start(const std::function<void()>& before_exec) {
  launch(before_exec);
  ASSERT_TRUE(daemon_->watches()) << daemon_->errors();
  manager_->await("READY=1");
}

void Served::start_unheard(const std::function<void()>& before_exec) {
  launch(before_exec);
  manager_->await("READY=1");
}

void Served::launch(const std::function<void()>& before_exec) {
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
}

void Served::reload() {
  daemon_->signal(SIGHUP);
  manager_->await("RELOADING=1");
  manager_->await("READY=1");
}

void Served::await_heartbeats() {
  for (int fresh = 0; fresh < 20; ++fresh) {
    manager_->await("WATCHDOG=1");
  }
}

// Each as soon as it is known: a daemon that hangs gives no more.
void Served::show_account() {
  if (!daemon_ || daemon_->pid() <= 0) {
    return;
  }
  const std::string log = daemon_->errors();
  std::cerr << log;
  if (::access(socket_path().c_str(), F_OK) == 0) {
    for (const std::string& line : storm::lines_of(page())) {
      if (line.starts_with("closewatch_") && !line.ends_with(" 0") &&
          line.find("_bucket{") == std::string::npos) {
        std::cerr << line << '\n';
      }
    }
  }
  stop();
  std::cerr << daemon_->errors().substr(log.size());
}

std::string Served::page() const { return get(socket_path(), "/metrics"); }

int Served::stop() {
  daemon_->signal(SIGTERM);
  return daemon_->wait();
}

std::uint64_t Served::expect_nothing_lost(std::uint64_t closures) {
  const auto account = storm::Account::of(daemon_->errors());
  if (!account) {
    ADD_FAILURE() << daemon_->errors();
    return 0;
  }
  storm::expect_identities(*account);
  EXPECT_EQ(account->recorded + account->unseen, closures) << daemon_->errors();
  EXPECT_LE(account->unseen, 1 + closures / kSeldom) << daemon_->errors();
  EXPECT_EQ(account->lost, 0U);
  EXPECT_EQ(account->shown, account->recorded);
  return account->recorded;
}

std::uint64_t Served::rss_kib() const {
  std::ifstream status("/proc/" + std::to_string(daemon_->pid()) + "/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") {
      std::uint64_t kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

Apart::Apart() {
  const auto current = [] {
    return UniqueFd(storm::must(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC),
                                "/proc/thread-self/ns/net"));
  };
  watched_ = current();
  storm::enter_new_network();
  own_ = current();
}

void Apart::enter(const UniqueFd& network) {
  storm::must(::setns(network.get(), CLONE_NEWNET), "setns");
}

}  // namespace closewatch::daemon_test
