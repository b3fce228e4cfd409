// SPDX-License-Identifier: Apache-2.0
// A process of the play: owner of sockets, closer, killer. It has a name of its own (comm
// "cw-<role>") and runs functions that the script hands over, in its own context and with its own
// descriptors. A function travels as the bytes of its object: the actor is a fork of the script and
// has the same code, so capture plain values only, by copy - never a reference or a pointer.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

#include "userspace/base/unique_fd.h"

namespace closewatch::demo {

inline constexpr std::size_t kCallSize = 256;

struct Call {
  void (*invoke)(const std::byte* function, std::byte* result);
  alignas(std::max_align_t) std::array<std::byte, kCallSize> bytes;
};

struct Reply {
  alignas(std::max_align_t) std::array<std::byte, kCallSize> bytes;
};

// What a call that was started will return. Holds no resource; the actor must outlive it.
template <typename Value>
class Pending;

class Actor {
 public:
  // Forks the calling process. `role` becomes "cw-<role>", 15 characters at most.
  explicit Actor(std::string_view role);
  // Forks `parent` instead: the child has the parent's descriptors.
  Actor(std::string_view role, Actor& parent);

  [[nodiscard]] std::string_view role() const { return role_; }
  [[nodiscard]] std::string_view comm() const { return comm_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Starts `function` in the actor; the script goes on meanwhile. One call at a time.
  template <typename Function>
  auto start(Function function) -> Pending<std::invoke_result_t<Function>>;

  // Runs `function` in the actor and returns its value.
  template <typename Function>
  auto run(Function function) -> std::invoke_result_t<Function> {
    return start(function).get();
  }

  // Waits until the main thread sleeps in the system call with this number.
  void await_blocked_in(long system_call);
  void signal(int number);
  // Waits until the process is gone, its descriptors closed.
  void await_exit();
  // Lets it exit, if it lives.
  void dismiss();

 private:
  template <typename Value>
  friend class Pending;

  void adopt(UniqueFd channel);
  void send(const Call& call);
  [[nodiscard]] bool replied();
  Reply receive();

  std::string role_;
  std::string comm_;
  pid_t pid_ = 0;
  UniqueFd channel_;
  UniqueFd process_;
};

template <typename Value>
class Pending {
 public:
  explicit Pending(Actor& actor) : actor_{&actor} {}

  [[nodiscard]] bool ready() { return actor_->replied(); }
  Value get() {
    const Reply reply = actor_->receive();
    if constexpr (!std::is_void_v<Value>) {
      Value value;
      std::memcpy(&value, reply.bytes.data(), sizeof value);
      return value;
    }
  }

 private:
  Actor* actor_;
};

template <typename Function>
auto Actor::start(Function function) -> Pending<std::invoke_result_t<Function>> {
  using Value = std::invoke_result_t<Function>;
  static_assert(std::is_trivially_copyable_v<Function> && sizeof(Function) <= kCallSize);
  Call call{};
  call.invoke = [](const std::byte* bytes, std::byte* result) {
    const auto& copy = *std::launder(reinterpret_cast<const Function*>(bytes));
    if constexpr (std::is_void_v<Value>) {
      copy();
      static_cast<void>(result);
    } else {
      static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) <= kCallSize);
      const Value value = copy();
      std::memcpy(result, &value, sizeof value);
    }
  };
  std::memcpy(call.bytes.data(), &function, sizeof function);
  send(call);
  return Pending<Value>{*this};
}

}  // namespace closewatch::demo
