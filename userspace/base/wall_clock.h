// SPDX-License-Identifier: Apache-2.0
// The wall clock over a run during which it may be set. One moment has one name, however the clock
// is set later: what came before that keeps its own.
#pragma once

#include <cstdint>
#include <vector>

namespace closewatch {

class WallClock {
 public:
  explicit WallClock(std::int64_t boot_to_unix_ns) : settings_{{0, boot_to_unix_ns}} {}

  // Both clocks as they are now, `boot_ns` never earlier than before. Whether the wall clock was
  // set since the last look: what is later than that look is named by the new distance from now on.
  bool look(std::uint64_t boot_ns, std::int64_t boot_to_unix_ns);

  // The name of a moment of CLOCK_BOOTTIME.
  [[nodiscard]] std::int64_t unix_ns(std::uint64_t boot_ns) const;

  // A clock that is off by less is not followed: it was read at two moments, or runs slowly to the
  // right time.
  static constexpr std::int64_t kSetNs = 400'000'000;
  // Of more, the oldest are named by the distance of those that came next.
  static constexpr std::size_t kMostSettings = 16;

 private:
  struct Setting {
    std::uint64_t from_boot_ns;
    std::int64_t boot_to_unix_ns;
  };

  std::vector<Setting> settings_;  // never empty; the first holds from 0 on
  std::uint64_t looked_ns_ = 0;
};

}  // namespace closewatch
