// SPDX-License-Identifier: Apache-2.0
// Alerts for Alertmanager, which groups, silences and routes them. It forgets an alert that is not
// repeated, so it is told of those that go on as well; one that it missed while it was away it
// learns of in the same way.
#pragma once

#include <memory>

#include "userspace/alert/http_post.h"
#include "userspace/alert/notifier.h"

namespace closewatch::alert {

class AlertmanagerNotifier final : public Notifier {
 public:
  // `instance` names this host. Alerts are over for Alertmanager when they were not repeated for
  // four times `refresh`.
  static Result<std::unique_ptr<Notifier>> create(const HttpSettings& http, std::string instance,
                                                  std::chrono::milliseconds refresh);

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] bool wants(const Notification& /*notification*/) const override { return true; }
  [[nodiscard]] Retry retry() const override { return retry_; }
  Attempt deliver(const Notification& notification, const Halt& halt) override;

 private:
  AlertmanagerNotifier(const HttpSettings& http, std::unique_ptr<HttpPost> post,
                       std::string instance, std::chrono::milliseconds lasts);

  std::string name_;
  Retry retry_;
  std::unique_ptr<HttpPost> post_;
  std::string instance_;
  std::chrono::milliseconds lasts_;
};

}  // namespace closewatch::alert
