// SPDX-License-Identifier: Apache-2.0
// Closures whose end can only be named when it is known whether a RST answered the segment that
// ended them (Facts::awaits_rst): held until the amendment came, or until it can come no more. What
// leaves, and in which order, follows from the records alone, so that a replay repeats a trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "userspace/record/closure.h"

namespace closewatch {

class Holding {
 public:
  // The answer leaves in the same softirq as the end (kernel.md 1.6); this covers what may delay
  // it.
  static constexpr std::uint64_t kHoldNs = 40'000'000;
  // A live reader waits so much longer before it concludes from silence.
  static constexpr std::uint64_t kSilenceNs = 10'000'000;
  static constexpr std::size_t kLimit = 1U << 16;

  using Release = std::function<void(const Closure&)>;
  explicit Holding(Release release) : release_(std::move(release)) {}

  // Takes a closure that awaits an answer. The oldest one goes early when the limit is reached.
  void hold(const Closure& closure);
  // Completes and releases the closure that the amendment names; false when it is not held.
  bool settle(const Amendment& amendment);
  // Releases all that ended more than kHoldNs before `now_ns`.
  void release_before(std::uint64_t now_ns);
  void release_all();

  // When the oldest is due by the clock of a live reader; nullopt when nothing is held.
  [[nodiscard]] std::optional<std::uint64_t> due_ns() const;
  [[nodiscard]] std::uint64_t released_early() const { return released_early_; }

 private:
  void release_front();

  Release release_;
  std::deque<Closure> held_;  // in order of arrival
  std::uint64_t released_early_ = 0;
};

// The facts of an amendment become facts of its closure.
void merge(Closure& closure, const Amendment& amendment);

}  // namespace closewatch
