// SPDX-License-Identifier: Apache-2.0
// Sums over the last length of time, and over the length before it, in fixed memory: a ring of
// buckets, each a 60th of the length. What happened in a bucket leaves when the whole bucket is
// older than the length: never early, at most a 60th of the length late.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace closewatch::alert {

// What is summed.
struct Amounts {
  std::uint64_t matched = 0;  // closures
  std::uint64_t bytes = 0;    // lost by these
  std::uint64_t covered = 0;  // closures of which `matched` is a part

  Amounts& operator+=(const Amounts& other);
  Amounts& operator-=(const Amounts& other);
  friend bool operator==(const Amounts&, const Amounts&) = default;
};

// Times are nanoseconds >= 0 of any one clock.
class Window {
 public:
  static constexpr std::int64_t kBuckets = 60;

  // `before`: keeps the sums of the length before too, for twice the memory (24 bytes a bucket).
  Window(std::int64_t length_ns, bool before);

  // Time goes on to `now_ns`; a time in the past changes nothing.
  void advance(std::int64_t now_ns);
  // Adds what happened at `at_ns`, not after the time of the last advance(); false when that has
  // left the window already.
  bool add(std::int64_t at_ns, const Amounts& amounts);
  // Takes away what was added at `at_ns`; false when it has left, or less than that is there.
  bool take_away(std::int64_t at_ns, const Amounts& amounts);

  [[nodiscard]] const Amounts& now() const { return now_; }
  [[nodiscard]] const Amounts& before() const { return before_; }
  [[nodiscard]] bool empty() const { return now_ == Amounts{} && before_ == Amounts{}; }
  // When the sums may change next although nothing is added; nullopt when empty.
  [[nodiscard]] std::optional<std::int64_t> due_ns() const;

 private:
  Amounts* bucket_at(std::int64_t at_ns);
  [[nodiscard]] Amounts& bucket(std::int64_t number);

  std::int64_t width_ns_;
  std::vector<Amounts> buckets_;
  std::int64_t newest_ = 0;  // number of the bucket under way: its time divided by the width
  Amounts now_;
  Amounts before_;
};

}  // namespace closewatch::alert
