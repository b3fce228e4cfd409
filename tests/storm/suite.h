// SPDX-License-Identifier: Apache-2.0
// What all storm tests begin with: a network namespace of their own and a closewatch that watches
// that namespace alone.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/storm/closewatch.h"

namespace closewatch::storm {

// The executable under test, from the command line of the test.
const Program& program();

// Skips without root. Each test has a fresh namespace.
class Suite : public testing::Test {
 protected:
  void SetUp() override;

  // `command` over this namespace, or over `networks`: watching when it returns.
  [[nodiscard]] Closewatch watch(std::vector<std::string> command = {"trace", "-j"},
                                 int output = -1);

  std::uint32_t network_ = 0;
};

}  // namespace closewatch::storm
