// SPDX-License-Identifier: Apache-2.0
// When the service manager may be told that the daemon is alive: the thread that reads the ring
// buffer says so itself, and only when it gets on: it has read records of any kind since the last
// time, or all the closures that the kernel has recorded.
#pragma once

#include <cstdint>

namespace closewatch {

class Heartbeat {
 public:
  // Counts since the start.
  struct Progress {
    // Closures that the kernel recorded. One of a moment ago need not have been read yet: as of the
    // last time.
    std::uint64_t recorded = 0;
    std::uint64_t closures = 0;  // read; neither failed attempts nor amendments make up for one
    std::uint64_t records = 0;   // read, of any kind
  };

  bool beats(const Progress& progress) {
    const bool gets_on = progress.records != records_ || progress.closures >= progress.recorded;
    records_ = progress.records;
    return gets_on;
  }

 private:
  std::uint64_t records_ = 0;
};

}  // namespace closewatch
