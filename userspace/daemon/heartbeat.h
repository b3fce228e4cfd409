// SPDX-License-Identifier: Apache-2.0
// When the service manager may be told that the daemon is alive: the thread that reads the ring
// buffer says so itself, and only when it gets on: it has read records since the last time, or all
// that the kernel has recorded.
#pragma once

#include <cstdint>

namespace closewatch {

class Heartbeat {
 public:
  // With counts of closures since the start: recorded by the kernel, read here. A closure that was
  // recorded a moment ago need not have been read yet: give `recorded` as of the last time.
  bool beats(std::uint64_t recorded, std::uint64_t read) {
    const bool gets_on = read != read_ || read >= recorded;
    read_ = read;
    return gets_on;
  }

 private:
  std::uint64_t read_ = 0;
};

}  // namespace closewatch
