// SPDX-License-Identifier: Apache-2.0
// What waits between the pipeline's thread, which must not block, and the writer's: bounded, and
// what does not fit is refused and counted. The places keep their memory, so that a closure costs a
// copy and no allocation once the queue has been as full before.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "userspace/pipeline/finding.h"

namespace closewatch::history {

// What was taken at once, in the order in which it came: corrections[i] came when `after` findings
// of this batch were there already.
struct Batch {
  struct Late {
    std::size_t after;
    Correction correction;
  };
  std::deque<Finding> findings;  // the first `count`; the rest are places with memory
  std::size_t count = 0;
  std::vector<Late> corrections;
  std::vector<Gap> gaps;
  std::uint64_t refused_findings = 0;
  std::uint64_t refused_corrections = 0;
  std::int64_t refused_since_ns = 0;  // end of the first one refused

  [[nodiscard]] bool empty() const {
    return count == 0 && corrections.empty() && gaps.empty() && refused_findings == 0 &&
           refused_corrections == 0;
  }
  void clear();
};

class Queue {
 public:
  explicit Queue(std::size_t limit) : limit_(limit) {}

  // From the pipeline's thread; they hold the lock for a copy at most.
  void put(const Finding& finding);
  void put(const Correction& correction);
  void put(const Gap& gap);
  void wake();  // a batch of the pipeline is over

  // From any thread: what may wait from now on; the writer's thread wakes.
  void set_limit(std::size_t limit);

  // From the writer's thread: waits until something is there, it was woken, `until` has passed or
  // the queue was closed, and exchanges what is there with the cleared `batch`. False: closed.
  bool take(Batch& batch, std::chrono::steady_clock::time_point until);

  void close();

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::uint64_t refused() const;  // findings and corrections, since the start

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Batch batch_;
  std::size_t limit_;
  std::uint64_t refused_ = 0;
  bool woken_ = false;
  bool closed_ = false;
};

}  // namespace closewatch::history
