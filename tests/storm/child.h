// SPDX-License-Identifier: Apache-2.0
// A process forked to run one function, and the signs that processes give each other. The process
// ends with its function, and with its parent at the latest.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "userspace/base/unique_fd.h"

namespace closewatch::storm {

class Child {
 public:
  // Runs `function` in a fork; exit code 0 when it returns.
  explicit Child(const std::function<void()>& function);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  [[nodiscard]] bool ended() const;
  // Waits for its end: the exit code, or 128 + the signal that killed it. Once.
  int wait();

 private:
  pid_t pid_;
};

// One process waits until another has given the sign; as many waits as signs. Good across fork().
class Sign {
 public:
  Sign();
  void give(std::uint64_t times = 1) const;
  void await() const;

 private:
  UniqueFd fd_;
};

}  // namespace closewatch::storm
