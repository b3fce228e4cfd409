// SPDX-License-Identifier: Apache-2.0
// When the service manager may be told that the daemon is alive: the thread that reads the ring
// buffer says so itself, and only when it gets on: it has read records since the last time, or none
// had been waiting then.
#pragma once

#include <cstdint>

namespace closewatch {

class Heartbeat {
 public:
  // With the counts of this moment, both since the start: recorded by the kernel, read here. What
  // was recorded a moment ago is not waiting yet: it counts from the next time on.
  bool beats(std::uint64_t recorded, std::uint64_t read) {
    const bool has_read = read != read_;
    const bool gets_on = has_read || last_recorded_ == reached_;
    if (has_read) {
      reached_ = recorded;
    }
    read_ = read;
    last_recorded_ = recorded;
    return gets_on;
  }

 private:
  std::uint64_t read_ = 0;
  std::uint64_t last_recorded_ = 0;
  // Recorded when it was last seen to read: all up to there is taken as read.
  std::uint64_t reached_ = 0;
};

}  // namespace closewatch
