// SPDX-License-Identifier: Apache-2.0
// A signal that ends whatever a thread waits for: raised once, then every wait returns at once.
#pragma once

#include <chrono>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::alert {

class Halt {
 public:
  // Fails when no file descriptor is left.
  static Result<Halt> create();

  void raise() const;  // from any thread
  [[nodiscard]] bool raised() const;
  // Readable once raised, for poll(2) beside what else is waited for.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Waits for so long; false when it was raised.
  [[nodiscard]] bool sleep(std::chrono::milliseconds time) const;
  // Waits until `fd` is ready for `events` (poll(2)), and for so long at most.
  enum class Woken : std::uint8_t { ready, late, halted };
  [[nodiscard]] Woken wait(int fd, short events, std::chrono::milliseconds time) const;

 private:
  explicit Halt(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace closewatch::alert
