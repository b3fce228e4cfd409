// SPDX-License-Identifier: Apache-2.0
// Waiting for something that is certain to come. The patience covers a slow guest; a condition that
// is met costs no time.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>

#include "tests/storm/must.h"

namespace closewatch::storm {

inline constexpr std::chrono::seconds kPatience{60};

// Asks every millisecond; gives up on a condition that never holds, once `tell_why` has said what
// there is to say.
template <typename Condition>
void await(
    const char* what, Condition holds, const std::function<void()>& tell_why = [] {}) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) {
      tell_why();
      errno = ETIMEDOUT;
      give_up(what);
    }
    ::usleep(1000);
  }
}

}  // namespace closewatch::storm
