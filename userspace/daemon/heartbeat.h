// SPDX-License-Identifier: Apache-2.0
// When the service manager may be told that the daemon is alive: the thread that reads the ring
// buffer says so itself, and only when it gets on: it has read records since the last time, or the
// kernel has recorded none.
#pragma once

#include <cstdint>

namespace closewatch {

class Heartbeat {
 public:
  // With the counts of this moment, both since the start: recorded by the kernel, read here.
  bool beats(std::uint64_t recorded, std::uint64_t read) {
    const bool gets_on = read != read_ || recorded == recorded_;
    // While it does not get on, the counts stay: records that wait are not forgotten.
    if (gets_on) {
      read_ = read;
      recorded_ = recorded;
    }
    return gets_on;
  }

 private:
  std::uint64_t recorded_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace closewatch
