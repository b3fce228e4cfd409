// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/holding.h"

#include <algorithm>

namespace closewatch {

void merge(Closure& closure, const Amendment& amendment) {
  closure.facts.rst_answer |= amendment.facts.rst_answer;
  closure.facts.late_data_reset |= amendment.facts.late_data_reset;
  closure.facts.peer_never_closed |= amendment.facts.peer_never_closed;
  closure.unread += amendment.unread;
  if (amendment.rst_reason) {
    closure.rst_reason = amendment.rst_reason;
  }
  if (!closure.process.known() && amendment.process.known()) {
    closure.process = amendment.process;
    closure.role = amendment.role;
  }
}

void Holding::hold(const Closure& closure) {
  if (held_.size() >= kLimit) {
    ++released_early_;
    release_front();
  }
  held_.push_back(closure);
}

bool Holding::settle(const Amendment& amendment) {
  // The answer follows its closure at once: it is among the last.
  const auto found = std::find_if(held_.rbegin(), held_.rend(), [&](const Closure& closure) {
    return closure.id == amendment.id;
  });
  if (found == held_.rend()) {
    return false;
  }
  merge(*found, amendment);
  if (amendment.facts.rst_answer) {
    const Closure closure = *found;
    held_.erase(std::next(found).base());
    release_(closure);
  }
  return true;
}

void Holding::release_front() {
  const Closure closure = held_.front();
  held_.pop_front();
  release_(closure);
}

void Holding::release_before(std::uint64_t now_ns) {
  while (!held_.empty() && held_.front().end_ns + kHoldNs <= now_ns) {
    release_front();
  }
}

void Holding::release_all() {
  while (!held_.empty()) {
    release_front();
  }
}

std::optional<std::uint64_t> Holding::due_ns() const {
  if (held_.empty()) {
    return std::nullopt;
  }
  return held_.front().end_ns + kHoldNs + kSilenceNs;
}

}  // namespace closewatch
