// SPDX-License-Identifier: Apache-2.0
// What userspace can add to a process that the kernel named: executable, cgroup path, container,
// start on the wall clock. Live from /proc and the cgroup file system, or from a capture file.
#pragma once

#include <cstdint>

#include "userspace/enrich/process_details.h"
#include "userspace/record/closure.h"

namespace closewatch {

class Enricher {
 public:
  virtual ~Enricher() = default;
  // Details of a known task; the reference is good until the next call. Never blocks for long,
  // never fails: what cannot be told is nullopt.
  virtual const ProcessDetails& details(const Task& task) = 0;
};

// Knows nothing but the start time.
class PlainEnricher final : public Enricher {
 public:
  explicit PlainEnricher(std::int64_t boot_to_unix_ns) : offset_(boot_to_unix_ns) {}
  const ProcessDetails& details(const Task& task) override {
    details_ = {};
    if (task.start_ns != 0) {
      details_.start_unix_ns = static_cast<std::int64_t>(task.start_ns) + offset_;
    }
    return details_;
  }

 private:
  std::int64_t offset_;
  ProcessDetails details_;
};

}  // namespace closewatch
