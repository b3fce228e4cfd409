// SPDX-License-Identifier: Apache-2.0
// Runs a program for each notification: by its absolute path, without a shell, in the directory /,
// with an empty environment, the JSON on standard input, no output, no other descriptor, default
// signals, in a process group of its own. When its time is over, the group is killed. It has been
// told when it exits with 0.
#pragma once

#include "userspace/alert/notifier.h"
#include "userspace/alert/settings.h"

namespace closewatch::alert {

class ProgramNotifier final : public Notifier {
 public:
  explicit ProgramNotifier(ProgramSettings settings) : settings_(std::move(settings)) {}

  [[nodiscard]] std::string name() const override { return "program " + settings_.path; }
  Attempt deliver(const Notification& notification, const Halt& halt) override;

 private:
  ProgramSettings settings_;
};

}  // namespace closewatch::alert
