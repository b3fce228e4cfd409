// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace closewatch {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // One row of the usual table at a time: to[i] is the distance of b's first i letters.
  std::vector<std::size_t> to(b.size() + 1);
  std::iota(to.begin(), to.end(), 0);
  for (std::size_t row = 1; row <= a.size(); ++row) {
    std::size_t diagonal = to[0];
    to[0] = row;
    for (std::size_t column = 1; column <= b.size(); ++column) {
      const std::size_t changed = diagonal + (a[row - 1] == b[column - 1] ? 0 : 1);
      diagonal = to[column];
      to[column] = std::min({changed, to[column] + 1, to[column - 1] + 1});
    }
  }
  return to[b.size()];
}

std::string nearest(std::string_view name, std::span<const std::string> known) {
  constexpr std::size_t kLongest = 64;  // no key of ours is longer, and the table stays small
  std::string best;
  std::size_t fewest = SIZE_MAX;
  for (const std::string& candidate : known) {
    const std::size_t distance = name.size() > kLongest ? SIZE_MAX : edit_distance(name, candidate);
    if (distance < fewest && distance <= std::max<std::size_t>(2, candidate.size() / 3) &&
        distance < candidate.size()) {
      best = candidate;
      fewest = distance;
    }
  }
  return best;
}

}  // namespace closewatch
