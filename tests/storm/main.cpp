// SPDX-License-Identifier: Apache-2.0
// closewatch_storm --closewatch PATH [--hooks base|full]: GoogleTest's own options as well.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "tests/storm/must.h"
#include "tests/storm/network.h"
#include "tests/storm/suite.h"

namespace closewatch::storm {
namespace {

Program under_test;

// As every case of tests/vm tells what it leaves out.
class TellsSkips : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& test) override {
    for (int i = 0; i < test.result()->total_part_count(); ++i) {
      if (const auto& part = test.result()->GetTestPartResult(i); part.skipped()) {
        std::printf("SKIP %s.%s: %s\n", test.test_suite_name(), test.name(), part.message());
      }
    }
  }
};

}  // namespace

const Program& program() { return under_test; }

void Suite::SetUp() {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root for BPF and network namespaces";
  }
  enter_new_network();
  network_ = network_inode();
}

Closewatch Suite::watch(std::vector<std::string> command, int output) {
  command.push_back("-N");
  command.push_back("inode:" + std::to_string(network_));
  Closewatch closewatch({.program = program(), .arguments = std::move(command), .output = output});
  EXPECT_TRUE(closewatch.watches()) << closewatch.errors();
  return closewatch;
}

}  // namespace closewatch::storm

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--closewatch") {
      closewatch::storm::under_test.path = argv[i + 1];
    } else if (name == "--hooks") {
      closewatch::storm::under_test.options = {"--hooks", argv[i + 1]};
    }
  }
  if (closewatch::storm::under_test.path.empty() && !testing::GTEST_FLAG(list_tests)) {
    std::fputs("usage: closewatch_storm --closewatch PATH [--hooks base|full]\n", stderr);
    return 2;
  }
  testing::UnitTest::GetInstance()->listeners().Append(new closewatch::storm::TellsSkips);
  return RUN_ALL_TESTS();
}
