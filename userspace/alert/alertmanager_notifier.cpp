// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/alertmanager_notifier.h"

#include "userspace/alert/alertmanager_json.h"

namespace closewatch::alert {

AlertmanagerNotifier::AlertmanagerNotifier(const HttpSettings& http, std::unique_ptr<HttpPost> post,
                                           std::string instance, std::chrono::milliseconds lasts)
    : name_("alertmanager " + HttpPost::origin_of(http.url)),
      retry_{http.attempts, http.back_off},
      post_(std::move(post)),
      instance_(std::move(instance)),
      lasts_(lasts) {}

Result<std::unique_ptr<Notifier>> AlertmanagerNotifier::create(const HttpSettings& http,
                                                               std::string instance,
                                                               std::chrono::milliseconds refresh) {
  std::string url = http.url;
  while (url.back() == '/') {
    url.pop_back();
  }
  auto post = HttpPost::create(http, url + "/api/v2/alerts");
  if (!post.ok()) {
    return std::move(post).error();
  }
  return std::unique_ptr<Notifier>(
      new AlertmanagerNotifier(http, std::move(post).take(), std::move(instance), 4 * refresh));
}

Attempt AlertmanagerNotifier::deliver(const Notification& notification, const Halt& halt) {
  TextBuffer body;
  append_alertmanager_json(body, notification, instance_, lasts_);
  return post_->post(view_of(body), halt);
}

}  // namespace closewatch::alert
