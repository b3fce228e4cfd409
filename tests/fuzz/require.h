// SPDX-License-Identifier: Apache-2.0
// A property that holds for every input. When it does not, the fuzzer gets a crash and keeps the
// input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace closewatch::fuzz {

inline void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
  }
}

}  // namespace closewatch::fuzz
