// SPDX-License-Identifier: Apache-2.0
// closewatch_serve --closewatch PATH: GoogleTest's own options as well.
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

#include "tests/serve/served.h"

namespace closewatch::serve {
namespace {

std::string under_test;

}  // namespace

const std::string& program() { return under_test; }

}  // namespace closewatch::serve

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 3 && std::string_view(argv[1]) == "--closewatch") {
    closewatch::serve::under_test = argv[2];
  } else if (!testing::GTEST_FLAG(list_tests)) {
    std::fputs("usage: closewatch_serve --closewatch PATH\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
