// SPDX-License-Identifier: Apache-2.0
// Little-endian fields one after the other, without padding: how everything but the raw records is
// laid out in a capture. FieldWriter appends to a vector; FieldReader takes them off a span, and
// once a field is missing or malformed everything after it reads as zero and ok() stays false.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "userspace/record/capture_format.h"

namespace closewatch {

class FieldWriter {
 public:
  explicit FieldWriter(std::vector<std::byte>& out) : out_(out) {}

  template <std::integral T>
  void number(T value) {
    bytes(std::as_bytes(std::span{&value, 1}));
  }

  void bytes(std::span<const std::byte> value) {
    const std::size_t at = out_.size();
    out_.resize(at + value.size());
    std::ranges::copy(value, out_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void text(std::string_view value) {
    value = value.substr(0, kMaxText);
    number(static_cast<std::uint16_t>(value.size()));
    bytes(std::as_bytes(std::span{value}));
  }

  void optional_text(const std::optional<std::string_view>& value) {
    if (value) {
      text(*value);
    } else {
      number(kUnknownText);
    }
  }

 private:
  std::vector<std::byte>& out_;
};

class FieldReader {
 public:
  FieldReader() = default;
  explicit FieldReader(std::span<const std::byte> in) : in_(in) {}

  template <std::integral T>
  T number() {
    T value{};
    const auto from = bytes(sizeof value);
    if (ok_) {
      std::memcpy(&value, from.data(), sizeof value);
    }
    return value;
  }

  std::span<const std::byte> bytes(std::size_t size) {
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    const auto value = in_.first(size);
    in_ = in_.subspan(size);
    return value;
  }

  std::string_view text() {
    const auto value = optional_text();
    ok_ = ok_ && value.has_value();
    return value.value_or(std::string_view{});
  }

  std::optional<std::string_view> optional_text() {
    const auto length = number<std::uint16_t>();
    if (!ok_ || length == kUnknownText) {
      return std::nullopt;
    }
    if (length > kMaxText) {
      ok_ = false;
      return std::nullopt;
    }
    const auto from = bytes(length);
    return std::string_view{reinterpret_cast<const char*>(from.data()), from.size()};
  }

  // One byte, 0 or 1.
  bool yes_no() {
    const auto value = number<std::uint8_t>();
    ok_ = ok_ && value <= 1;
    return value == 1;
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool whole() const { return ok_ && in_.empty(); }  // nothing missing, nothing left

 private:
  std::span<const std::byte> in_;
  bool ok_ = true;
};

}  // namespace closewatch
