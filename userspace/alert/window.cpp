// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/window.h"

#include <algorithm>

namespace closewatch::alert {

Amounts& Amounts::operator+=(const Amounts& other) {
  matched += other.matched;
  bytes += other.bytes;
  covered += other.covered;
  return *this;
}

Amounts& Amounts::operator-=(const Amounts& other) {
  matched -= other.matched;
  bytes -= other.bytes;
  covered -= other.covered;
  return *this;
}

// The bucket under way comes on top of the 60 whole ones.
Window::Window(std::int64_t length_ns, bool before)
    : width_ns_((length_ns + kBuckets - 1) / kBuckets),
      buckets_(static_cast<std::size_t>(before ? 2 * kBuckets + 1 : kBuckets + 1)) {}

Amounts& Window::bucket(std::int64_t number) {
  return buckets_[static_cast<std::size_t>(number) % buckets_.size()];
}

void Window::advance(std::int64_t now_ns) {
  const std::int64_t number = now_ns / width_ns_;
  const auto size = static_cast<std::int64_t>(buckets_.size());
  if (number - newest_ >= size) {
    std::fill(buckets_.begin(), buckets_.end(), Amounts{});
    now_ = before_ = {};
    newest_ = number;
  }
  while (newest_ < number) {
    ++newest_;
    const bool keeps_before = size > kBuckets + 1;
    if (const std::int64_t leaves = newest_ - kBuckets - 1; leaves >= 0) {
      now_ -= bucket(leaves);
      if (keeps_before) {
        before_ += bucket(leaves);
      }
    }
    if (const std::int64_t leaves = newest_ - size; keeps_before && leaves >= 0) {
      before_ -= bucket(leaves);
    }
    bucket(newest_) = {};
  }
}

Amounts* Window::bucket_at(std::int64_t at_ns) {
  const std::int64_t number = at_ns / width_ns_;
  return number < newest_ - kBuckets || number > newest_ ? nullptr : &bucket(number);
}

bool Window::add(std::int64_t at_ns, const Amounts& amounts) {
  Amounts* const place = bucket_at(at_ns);
  if (place == nullptr) {
    return false;
  }
  *place += amounts;
  now_ += amounts;
  return true;
}

bool Window::take_away(std::int64_t at_ns, const Amounts& amounts) {
  Amounts* const place = bucket_at(at_ns);
  if (place == nullptr || place->matched < amounts.matched || place->bytes < amounts.bytes ||
      place->covered < amounts.covered) {
    return false;
  }
  *place -= amounts;
  now_ -= amounts;
  return true;
}

std::optional<std::int64_t> Window::due_ns() const {
  return empty() ? std::nullopt : std::optional{(newest_ + 1) * width_ns_};
}

}  // namespace closewatch::alert
