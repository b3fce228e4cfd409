// SPDX-License-Identifier: Apache-2.0
// Remembers a few facts about the closures that came last, for when a late amendment names one of
// them. Fixed memory: each closure has one place, and a newer one that falls on the same place
// replaces it, so a lookup may fail and the caller must cope.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "userspace/record/closure.h"

namespace closewatch {

template <typename Value>
class RecentClosures {
 public:
  // `places` is a power of two.
  explicit RecentClosures(std::size_t places) : places_(places) {}

  void remember(const ClosureId& id, const Value& value) { places_[place_of(id)] = {id, value}; }

  // Null when it was never remembered or has been replaced since.
  Value* find(const ClosureId& id) {
    Place& place = places_[place_of(id)];
    return place.id == id && id != ClosureId{} ? &place.value : nullptr;
  }

  void forget(const ClosureId& id) {
    if (find(id) != nullptr) {
      places_[place_of(id)] = {};
    }
  }

 private:
  struct Place {
    ClosureId id;
    Value value{};
  };

  [[nodiscard]] std::size_t place_of(const ClosureId& id) const {
    return static_cast<std::size_t>(id.hash() >> 32) & (places_.size() - 1);
  }

  std::vector<Place> places_;
};

}  // namespace closewatch
