// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/queue.h"

#include <utility>

#include "userspace/history/settings.h"

namespace closewatch::history {
namespace {

constexpr std::size_t kGaps = 1024;

}  // namespace

void Batch::clear() {
  gaps.clear();
  refused = {};
}

template <typename Value>
bool Queue::take_in(const Value& value, std::int64_t unix_ns, std::uint64_t Refused::*count) {
  Backlog& waiting = batch_.waiting;
  if (!closed_ && waiting.size() < limit_ && waiting.bytes() < limit_ * kBytesWaiting) {
    waiting.put(value);
    return true;
  }
  if (batch_.refused == Refused()) {
    batch_.refused_since_ns = unix_ns;
  }
  ++(batch_.refused.*count);
  ++(refused_.*count);
  return false;
}

void Queue::put(const Finding& finding) {
  const std::lock_guard lock(mutex_);
  if (take_in(finding, finding.end_unix_ns, &Refused::findings) &&
      batch_.waiting.size() >= limit_ / 2 && !woken_) {
    woken_ = true;
    changed_.notify_one();
  }
}

void Queue::put(const Correction& correction) {
  const std::lock_guard lock(mutex_);
  take_in(correction, correction.unix_ns, &Refused::corrections);
}

void Queue::put(const Gap& gap) {
  const std::lock_guard lock(mutex_);
  if (batch_.gaps.size() < kGaps) {
    batch_.gaps.push_back(gap);
  } else {
    batch_.gaps.back().lost_records += gap.lost_records;
  }
}

void Queue::wake() {
  const std::lock_guard lock(mutex_);
  if (!batch_.empty() && !woken_) {
    woken_ = true;
    changed_.notify_one();
  }
}

void Queue::set_limit(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  limit_ = limit;
  woken_ = true;
  changed_.notify_one();
}

bool Queue::take(Batch& batch, std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return woken_ || closed_; });
  woken_ = false;
  std::swap(batch, batch_);
  return !closed_;
}

void Queue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_one();
}

std::size_t Queue::waiting() const {
  const std::lock_guard lock(mutex_);
  return batch_.waiting.size();
}

Refused Queue::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace closewatch::history
