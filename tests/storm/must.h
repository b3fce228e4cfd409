// SPDX-License-Identifier: Apache-2.0
// Steps that cannot fail on a sound system. When one does, the process ends with exit code 1 and
// the reason on stderr, and whoever waits for it sees that: traffic needs no error paths.
#pragma once

namespace closewatch::storm {

// Tells `doing` and errno.
[[noreturn]] void give_up(const char* doing);

// The result of a system call, which is not negative.
template <typename Number>
Number must(Number result, const char* doing) {
  if (result < 0) {
    give_up(doing);
  }
  return result;
}

}  // namespace closewatch::storm
