// SPDX-License-Identifier: Apache-2.0
// A map of at most `capacity` entries that forgets the one that was not asked for the longest.
// Finding and putting are O(1). Pointers to values stay good until the next put().
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace closewatch {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class LruCache {
 public:
  explicit LruCache(std::size_t capacity) : capacity_(capacity) { index_.reserve(capacity); }

  // nullptr when the key is not there.
  Value* find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) {
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  Value& put(const Key& key, Value value) {
    if (Value* known = find(key)) {
      *known = std::move(value);
      return *known;
    }
    if (entries_.size() == capacity_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, std::move(value));
    index_.emplace(key, entries_.begin());
    return entries_.front().second;
  }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;

  std::size_t capacity_;
  Entries entries_;  // the last one asked for first
  std::unordered_map<Key, typename Entries::iterator, Hash> index_;
};

}  // namespace closewatch
