// SPDX-License-Identifier: Apache-2.0
// Notifications as lines of a log, each with its priority in front, as sd-daemon(3) has it: the
// headline, what it means, what to do, and the evidence.
#pragma once

#include "userspace/alert/notifier.h"

namespace closewatch::alert {

class LogNotifier final : public Notifier {
 public:
  // `fd` stays the caller's and must outlive this.
  explicit LogNotifier(int fd) : fd_(fd) {}

  [[nodiscard]] std::string name() const override { return "log"; }
  Attempt deliver(const Notification& notification, const Halt& halt) override;

 private:
  int fd_;
};

}  // namespace closewatch::alert
