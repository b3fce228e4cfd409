// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/notification.h"

#include <array>
#include <numeric>

namespace closewatch::alert {

std::string_view name_of(Event value) {
  using std::string_view_literals::operator""sv;
  constexpr std::array kNames{"firing"sv, "still_firing"sv, "resolved"sv, "more"sv};
  return kNames.at(static_cast<std::size_t>(value));
}

std::uint64_t Notification::held_back_alerts() const {
  return std::accumulate(held_back.begin(), held_back.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const HeldBack& each) { return sum + each.alerts; });
}

}  // namespace closewatch::alert
