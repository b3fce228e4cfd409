// SPDX-License-Identifier: Apache-2.0
// Notifications as lines of a log: the headline, what it means, what to do, and the evidence.
#pragma once

#include "userspace/alert/notifier.h"

namespace closewatch::alert {

struct LogTarget {
  int fd;           // stays the caller's and must outlive the notifier
  bool priorities;  // each line begins with its own, as sd-daemon(3) has it: the journal reads
};

class LogNotifier final : public Notifier {
 public:
  explicit LogNotifier(const LogTarget& target) : target_(target) {}

  [[nodiscard]] std::string name() const override { return "log"; }
  Attempt deliver(const Notification& notification, const Halt& halt) override;

 private:
  LogTarget target_;
};

}  // namespace closewatch::alert
