// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/storm.h"

#include <algorithm>

namespace closewatch::alert {
namespace {

std::int64_t interval_ns(const StormLimit& limit) {
  return std::chrono::nanoseconds(limit.interval).count();
}

}  // namespace

bool Storm::admit(std::int64_t now_ns) {
  if (admitted_ == 0 || now_ns >= begin_ns_ + interval_ns(limit_)) {
    begin_ns_ = now_ns;
    admitted_ = 0;
  }
  if (admitted_ >= limit_.alerts) {
    return false;
  }
  ++admitted_;
  return true;
}

std::optional<std::int64_t> Storm::due_ns() const {
  return held_back_.empty() ? std::nullopt : std::optional{begin_ns_ + interval_ns(limit_)};
}

std::vector<HeldBack> Storm::take() {
  std::vector<HeldBack> all;
  std::transform(held_back_.begin(), held_back_.end(), std::back_inserter(all),
                 [](const auto& each) {
                   return HeldBack{each.first, each.second};
                 });
  held_back_.clear();
  return all;
}

}  // namespace closewatch::alert
