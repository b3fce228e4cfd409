// SPDX-License-Identifier: Apache-2.0
// The growing buffer that every output form writes into. Appending is inlined down to a compare and
// a copy, which is what a JSON line of ninety short pieces costs most; always, as gcc 12 would call
// a function for each piece, which takes a fifth of the line's time. fmt::format_to() with
// std::back_inserter() works on it where speed does not matter.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>

namespace closewatch {

class TextBuffer {
 public:
  using value_type = char;

  [[nodiscard]] const char* data() const { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

  // Adds `count` bytes of no particular value and returns the first of them; valid until the next
  // call that adds.
  [[gnu::always_inline]] char* extend(std::size_t count) {
    if (count > capacity_ - size_) [[unlikely]] {
      grow(count);
    }
    size_ += count;
    return bytes_.get() + size_ - count;
  }
  [[gnu::always_inline]] void push_back(char byte) { *extend(1) = byte; }

  // Keeps the first `size` bytes (at most size()).
  void truncate(std::size_t size) { size_ = size; }
  void clear() { size_ = 0; }

 private:
  void grow(std::size_t count) {
    const std::size_t capacity = std::max(size_ + count, std::max<std::size_t>(256, capacity_ * 2));
    std::unique_ptr<char[]> bytes{new char[capacity]};
    std::copy_n(bytes_.get(), size_, bytes.get());
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

[[gnu::always_inline]] inline void append(TextBuffer& out, std::string_view text) {
  if (!text.empty()) {
    std::memcpy(out.extend(text.size()), text.data(), text.size());
  }
}

template <std::integral Number>
void append_number(TextBuffer& out, Number number) {
  constexpr std::size_t kMost = std::numeric_limits<Number>::digits10 + 2;  // with a sign
  char* const begin = out.extend(kMost);
  const char* const end = std::to_chars(begin, begin + kMost, number).ptr;
  out.truncate(static_cast<std::size_t>(end - out.data()));
}

inline std::string_view view_of(const TextBuffer& out, std::size_t from = 0) {
  return std::string_view(out.data(), out.size()).substr(from);
}

}  // namespace closewatch
