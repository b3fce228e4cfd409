// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/webhook_notifier.h"

#include "userspace/alert/notification_json.h"

namespace closewatch::alert {

WebhookNotifier::WebhookNotifier(const HttpSettings& http, std::unique_ptr<HttpPost> post)
    : name_("webhook " + HttpPost::origin_of(http.url)),
      retry_{http.attempts, http.back_off},
      post_(std::move(post)) {}

Result<std::unique_ptr<Notifier>> WebhookNotifier::create(const HttpSettings& http) {
  auto post = HttpPost::create(http, http.url);
  if (!post.ok()) {
    return std::move(post).error();
  }
  return std::unique_ptr<Notifier>(new WebhookNotifier(http, std::move(post).take()));
}

Attempt WebhookNotifier::deliver(const Notification& notification, const Halt& halt) {
  TextBuffer body;
  append_notification_json(body, notification);
  return post_->post(view_of(body), halt);
}

}  // namespace closewatch::alert
