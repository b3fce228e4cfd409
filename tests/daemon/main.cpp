// SPDX-License-Identifier: Apache-2.0
// closewatch_daemon_test --closewatch PATH: GoogleTest's own options as well.
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

#include "tests/daemon/served.h"

namespace closewatch::daemon_test {
namespace {

std::string under_test;

}  // namespace

const std::string& program() { return under_test; }

}  // namespace closewatch::daemon_test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 3 && std::string_view(argv[1]) == "--closewatch") {
    closewatch::daemon_test::under_test = argv[2];
  } else if (!testing::GTEST_FLAG(list_tests)) {
    std::fputs("usage: closewatch_daemon_test --closewatch PATH\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
