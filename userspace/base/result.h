// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error, for everything that can fail in ordinary use. Exceptions are left
// to third parties and caught at the edge. An Error says what happened and, where the user can do
// something about it, a hint; main prints both. Layers prepend what they were doing with context().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace closewatch {

// The process's exit code, as documented in README.md and --help.
enum class ExitCode : std::uint8_t { fine = 0, failure = 1, usage = 2, unsupported = 3 };

struct Error {
  std::string what;
  std::string hint = {};  // empty: nothing the user could do
  ExitCode code = ExitCode::failure;

  Error context(std::string_view doing) && {
    what.insert(0, ": ").insert(0, doing);
    return std::move(*this);
  }
};

template <typename T = void>
class [[nodiscard]] Result {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  Result() requires std::is_void_v<T> : state_(std::in_place_index<0>) {}
  Result(Value value) requires(!std::is_void_v<T>)  // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error)  // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  Value& operator*() { return std::get<0>(state_); }
  const Value& operator*() const { return std::get<0>(state_); }
  Value* operator->() { return &std::get<0>(state_); }
  const Value* operator->() const { return &std::get<0>(state_); }
  Value take() && { return std::get<0>(std::move(state_)); }

  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<Value, Error> state_;
};

}  // namespace closewatch
