// SPDX-License-Identifier: Apache-2.0
// Programs that the kernel leaves out because a run of theirs is interrupted (bpf/README.md, "What
// can go unseen"). For a machine of its own with two CPUs and Linux 6.1 or later, where nothing
// else keeps programs from running: tests/vm.
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "tests/storm/await.h"
#include "tests/storm/hook_links.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"
#include "userspace/demo/counters.h"
#include "userspace/kernel/features.h"
#include "userspace/kernel/observer.h"

namespace closewatch::storm {
namespace {

// How often the kernel left out a program of `pid` while a run of it was interrupted.
std::uint64_t runs_left_out(pid_t pid) {
  std::uint64_t sum = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fdinfo")) {
    std::ifstream file(entry.path());
    for (std::string word; file >> word;) {
      std::uint64_t count = 0;
      if (word == "recursion_misses:" && file >> count) {
        sum += count;
      }
    }
  }
  return sum;
}

std::ptrdiff_t programs_of_set_state(pid_t pid) {
  return std::ranges::count(hook_links(pid), "inet_sock_set_state", &HookLink::tracepoint);
}

class interrupts : public Suite {};

// Nothing is lost, made up or told twice, whatever races with whatever; what ended how is the
// kernel's own count. Where only interrupts do it, that holds once the programs in reserve are
// attached, for which the kernel must leave out a first one: it does so in another namespace.
TEST_F(interrupts, lose_nothing) {
  receive_by_interrupts();
  Load elsewhere({.drivers = 2});
  enter_new_network();
  receive_by_interrupts();
  Closewatch closewatch({.program = program(), .arguments = {"trace", "-j"}});
  ASSERT_TRUE(closewatch.watches()) << closewatch.errors();
  await("the programs in reserve", [&] { return programs_of_set_state(closewatch.pid()) > 1; });
  elsewhere.stop();
  elsewhere.wait();

  const std::uint64_t before = runs_left_out(closewatch.pid());
  Load load({.drivers = 4, .mix = {2, 1, 1}});
  await("programs to be interrupted", [&] {
    return runs_left_out(closewatch.pid()) >= before + 3 && load.connections() >= 1500;
  });
  load.stop();
  const std::uint64_t connections = load.wait().all().connections();
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const std::vector<Json> closures = Story(closewatch.output()).of_network(network_inode());
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(account->lost, 0U);
  EXPECT_EQ(closures.size(), 2 * connections);
  // Where programs are preempted too, an end that all three miss is told at the release.
  if (probe_features(false)->preemptible_tracepoints) {
    return;
  }
  const std::uint64_t zero = count(closures, "linger_zero");
  const std::uint64_t unread = count(closures, "unread_data");
  const demo::Counters kernel = demo::Counters::read();
  EXPECT_EQ(kernel.get("TCPAbortOnData"), static_cast<std::int64_t>(zero));
  EXPECT_EQ(kernel.get("TCPAbortOnClose"), static_cast<std::int64_t>(unread));
  EXPECT_EQ(count(closures, "reset_by_peer"), zero + unread);
  EXPECT_EQ(count(closures, "local_first") + count(closures, "peer_first") +
                count(closures, "simultaneous"),
            2 * (connections - zero - unread));
  const auto recovered = [](const Json& closure) { return has_flag(closure, "recovered"); };
  EXPECT_TRUE(std::ranges::none_of(closures, recovered));
}

// What the ring buffer holds at the stop is all that comes.
TEST_F(interrupts, attach_nothing_after_the_stop) {
  const auto features = probe_features(false);
  ASSERT_TRUE(features.ok()) << features.error().what;
  receive_by_interrupts();
  auto observer = Observer::start(*features, {});
  ASSERT_TRUE(observer.ok()) << observer.error().what;
  Load load({.drivers = 2});
  await("a program to be interrupted", [] { return runs_left_out(::getpid()) > 0; });
  load.stop();
  load.wait();
  observer->stop();
  const auto drained = observer->drain([](std::span<const std::byte>) {});
  EXPECT_TRUE(drained.ok());
  EXPECT_TRUE(hook_links(::getpid()).empty());
}

// The daemon has given up its capabilities when it attaches the programs in reserve.
TEST_F(interrupts, need_no_capabilities) {
  const std::string settings = "/tmp/closewatch-interrupts.toml";
  std::ofstream(settings) << "history.enabled = false\nmetrics.enabled = false\n";
  receive_by_interrupts();
  Closewatch daemon({.program = {program().path}, .arguments = {"serve", "--config", settings}});
  ASSERT_TRUE(daemon.watches()) << daemon.errors();
  std::filesystem::remove(settings);
  Load load({.drivers = 2});
  await("the programs in reserve", [&] { return programs_of_set_state(daemon.pid()) > 1; });
  load.stop();
  load.wait();
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0) << daemon.errors();
}

}  // namespace
}  // namespace closewatch::storm
