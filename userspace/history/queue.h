// SPDX-License-Identifier: Apache-2.0
// What waits between the pipeline's thread, which must not block, and the writer's: bounded in
// number and in bytes, and what does not fit is refused and counted.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "userspace/history/backlog.h"
#include "userspace/pipeline/finding.h"

namespace closewatch::history {

// What found no room.
struct Refused {
  std::uint64_t findings = 0;
  std::uint64_t corrections = 0;

  friend bool operator==(const Refused&, const Refused&) = default;
};

// What was taken at once.
struct Batch {
  Backlog waiting;  // in the order in which it came
  std::vector<Gap> gaps;
  Refused refused;
  std::int64_t refused_since_ns = 0;  // end of the first of them

  [[nodiscard]] bool empty() const {
    return waiting.empty() && gaps.empty() && refused == Refused();
  }
  void clear();  // but for `waiting`, which is to be drained
};

class Queue {
 public:
  // `limit`: how many may wait; they take at most kBytesWaiting each, on average.
  explicit Queue(std::size_t limit) : limit_(limit) {}

  // From the pipeline's thread; they hold the lock for a copy at most.
  void put(const Finding& finding);
  void put(const Correction& correction);
  void put(const Gap& gap);
  void wake();  // a batch of the pipeline is over

  // From any thread: what may wait from now on; the writer's thread wakes.
  void set_limit(std::size_t limit);

  // From the writer's thread: waits until something is there, it was woken, `until` has passed or
  // the queue was closed, and exchanges what is there with the empty `batch`. False: closed.
  bool take(Batch& batch, std::chrono::steady_clock::time_point until);

  void close();

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] Refused refused() const;  // since the start

 private:
  // Takes it, or counts it as refused; with the lock held.
  template <typename Value>
  bool take_in(const Value& value, std::int64_t unix_ns, std::uint64_t Refused::*count);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Batch batch_;
  std::size_t limit_;
  Refused refused_;
  bool woken_ = false;
  bool closed_ = false;
};

}  // namespace closewatch::history
