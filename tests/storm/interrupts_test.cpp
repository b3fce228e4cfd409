// SPDX-License-Identifier: Apache-2.0
// Programs that the kernel leaves out because a run of theirs is interrupted (bpf/README.md, "What
// can go unseen"). For a machine of its own with two CPUs and Linux 6.1 or later, where nothing
// else keeps programs from running: tests/vm.
#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/storm/await.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"
#include "tests/storm/story.h"
#include "tests/storm/suite.h"

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

class interrupts : public Suite {};

// The event in the middle is its like.
TEST_F(interrupts, of_a_program_lose_nothing) {
  receive_by_interrupts();
  Closewatch closewatch = watch();
  Load load({.drivers = 4, .two_processes = true});
  await("programs to be interrupted", [&] { return runs_left_out(closewatch.pid()) >= 5; });
  load.stop();
  const std::uint64_t connections = load.wait().all().connections();
  await_closed(0);
  ASSERT_EQ(closewatch.interrupt(), 0) << closewatch.errors();

  const Story story(closewatch.output());
  const auto account = Account::of(closewatch.errors());
  ASSERT_TRUE(account) << closewatch.errors();
  expect_identities(*account);
  EXPECT_EQ(account->lost, 0U);
  EXPECT_EQ(account->unseen, 0U);
  EXPECT_EQ(account->recorded, 2 * connections);
  EXPECT_EQ(count(story.closures, "local_first"), connections);
  EXPECT_EQ(count(story.closures, "peer_first"), connections);
  const auto recovered = [](const Json& closure) { return has_flag(closure, "recovered"); };
  EXPECT_TRUE(std::ranges::none_of(story.closures, recovered));
}

}  // namespace
}  // namespace closewatch::storm
