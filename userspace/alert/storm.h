// SPDX-License-Identifier: Apache-2.0
// Storm suppression: at most so many alerts in an interval; those beyond are counted, and told in
// one sum when the interval is over. An interval begins with the first alert after the one before.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "userspace/alert/notification.h"

namespace closewatch::alert {

struct StormLimit {
  std::uint32_t alerts = 10;
  std::chrono::milliseconds interval = std::chrono::minutes(1);

  friend bool operator==(const StormLimit&, const StormLimit&) = default;
};

class Storm {
 public:
  explicit Storm(StormLimit limit) : limit_(limit) {}

  // Of the interval under way, and of those that follow.
  void set_limit(StormLimit limit) { limit_ = limit; }

  // Room for one more at `now_ns`, which is then taken.
  bool admit(std::int64_t now_ns);
  // An alert of `rule` found no room.
  void hold_back(const std::string& rule) { ++held_back_[rule]; }

  // When what was held back is to be told; nullopt when nothing was.
  [[nodiscard]] std::optional<std::int64_t> due_ns() const;
  [[nodiscard]] std::int64_t since_ns() const { return begin_ns_; }
  // What was held back, by rule; begins to count again from nothing.
  std::vector<HeldBack> take();

 private:
  StormLimit limit_;
  std::int64_t begin_ns_ = 0;
  std::uint32_t admitted_ = 0;
  std::map<std::string, std::uint64_t> held_back_;
};

}  // namespace closewatch::alert
