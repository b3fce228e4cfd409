// SPDX-License-Identifier: Apache-2.0
// Posts the JSON of each notification to a URL.
#pragma once

#include <memory>

#include "userspace/alert/http_post.h"
#include "userspace/alert/notifier.h"

namespace closewatch::alert {

class WebhookNotifier final : public Notifier {
 public:
  static Result<std::unique_ptr<Notifier>> create(const HttpSettings& http);

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] Retry retry() const override { return retry_; }
  Attempt deliver(const Notification& notification, const Halt& halt) override;

 private:
  WebhookNotifier(const HttpSettings& http, std::unique_ptr<HttpPost> post);

  std::string name_;
  Retry retry_;
  std::unique_ptr<HttpPost> post_;
};

}  // namespace closewatch::alert
