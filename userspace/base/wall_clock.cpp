// SPDX-License-Identifier: Apache-2.0
#include "userspace/base/wall_clock.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace closewatch {

bool WallClock::look(std::uint64_t boot_ns, std::int64_t boot_to_unix_ns) {
  const std::uint64_t last = std::exchange(looked_ns_, boot_ns);
  if (std::llabs(boot_to_unix_ns - settings_.back().boot_to_unix_ns) < kSetNs) {
    return false;
  }
  settings_.push_back({last + 1, boot_to_unix_ns});
  if (settings_.size() > kMostSettings) {
    settings_.erase(settings_.begin());
    settings_.front().from_boot_ns = 0;
  }
  return true;
}

std::int64_t WallClock::unix_ns(std::uint64_t boot_ns) const {
  const auto setting =
      std::find_if(settings_.rbegin(), settings_.rend() - 1,
                   [boot_ns](const Setting& each) { return boot_ns >= each.from_boot_ns; });
  return static_cast<std::int64_t>(boot_ns) + setting->boot_to_unix_ns;
}

}  // namespace closewatch
