// SPDX-License-Identifier: Apache-2.0
// One way to tell somebody. A notifier is used by one thread, that of its queue (delivery.h), and
// may take its time, but each attempt ends within a bounded one, and at once when it is halted.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "userspace/alert/halt.h"
#include "userspace/alert/notification.h"
#include "userspace/alert/retry.h"

namespace closewatch::alert {

// What became of one attempt. again: worth another one; failed: not.
enum class Outcome : std::uint8_t { delivered, again, failed, halted };

struct Attempt {
  Outcome outcome = Outcome::delivered;
  std::string error = {};  // what happened; may hold bytes of the receiver

  static Attempt again(std::string error) { return {Outcome::again, std::move(error)}; }
  static Attempt failed(std::string error) { return {Outcome::failed, std::move(error)}; }
};

class Notifier {
 public:
  Notifier() = default;
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  virtual ~Notifier() = default;

  // For people and metrics: "log", "webhook https://hooks.example.com". Never a path or a password.
  [[nodiscard]] virtual std::string name() const = 0;
  // What it does not want is not counted. Called on the engine's thread.
  [[nodiscard]] virtual bool wants(const Notification& notification) const {
    return notification.event != Event::still_firing;
  }
  [[nodiscard]] virtual Retry retry() const { return {}; }
  virtual Attempt deliver(const Notification& notification, const Halt& halt) = 0;
};

}  // namespace closewatch::alert
