// SPDX-License-Identifier: Apache-2.0
// closewatch_daemon_test --closewatch PATH [--soak SECONDS]: GoogleTest's own options as well.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/daemon/served.h"

namespace closewatch::daemon_test {
namespace {

std::string under_test;
std::chrono::seconds soak_time{5};

}  // namespace

const std::string& program() { return under_test; }
std::chrono::seconds time_to_soak() { return soak_time; }

}  // namespace closewatch::daemon_test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--closewatch") {
      closewatch::daemon_test::under_test = argv[i + 1];
    } else if (name == "--soak") {
      closewatch::daemon_test::soak_time = std::chrono::seconds(std::atoi(argv[i + 1]));
    }
  }
  if (closewatch::daemon_test::under_test.empty() && !testing::GTEST_FLAG(list_tests)) {
    std::fputs("usage: closewatch_daemon_test --closewatch PATH [--soak SECONDS]\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
