// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/alertmanager_json.h"

#include "userspace/alert/notification_text.h"
#include "userspace/render/json_value.h"

namespace closewatch::alert {
namespace {

// One object of strings; Alertmanager has no empty values.
class Strings {
 public:
  Strings(TextBuffer& out, std::string_view key) : out_(out) { append(out_, key); }

  Strings& put(std::string_view key, std::string_view value) {
    if (!value.empty()) {
      append(out_, before_);
      append_json_name(out_, key);
      out_.push_back(':');
      append_json_string(out_, value);
      before_ = ",";
    }
    return *this;
  }
  void end() { append(out_, before_ == "{" ? "{}" : "}"); }

 private:
  TextBuffer& out_;
  std::string_view before_ = "{";
};

std::string lines_of(const std::vector<Evidence>& evidence, std::string Evidence::*text) {
  std::string lines;
  for (const Evidence& each : evidence) {
    lines += lines.empty() ? "" : "\n";
    lines += each.*text;
  }
  return lines;
}

void put_labels(TextBuffer& out, const Notification& notification, std::string_view instance) {
  const Rule& rule = notification.rule;
  const bool more = notification.event == Event::more;
  Strings labels(out, R"("labels":)");
  labels.put("alertname", more ? "closewatch_more_alerts" : std::string_view(rule.name))
      .put("severity", name_of(more ? Severity::warning : rule.severity))
      .put("service", "closewatch")
      .put("instance", instance);
  if (!more && rule.per != Scope::host) {
    labels.put(name_of(rule.per), label_of(notification.subject));
  }
  labels.end();
}

void put_annotations(TextBuffer& out, const Notification& notification) {
  TextBuffer headline;
  append_headline(headline, notification);
  Strings(out, R"(,"annotations":)")
      .put("summary", notification.rule.summary)
      .put("description", view_of(headline))
      .put("explanation", notification.evidence.empty()
                              ? std::string_view{}
                              : std::string_view(notification.evidence.front().explanation))
      .put("advice", notification.advice)
      .put("evidence", lines_of(notification.evidence, &Evidence::closure))
      .end();
}

}  // namespace

void append_alertmanager_json(TextBuffer& out, const Notification& notification,
                              std::string_view instance, std::chrono::milliseconds lasts) {
  append(out, "[{");
  put_labels(out, notification, instance);
  put_annotations(out, notification);
  put_time(out, R"(,"startsAt":)", notification.since_unix_ns);
  put_time(out, R"(,"endsAt":)",
           notification.event == Event::resolved
               ? notification.unix_ns
               : notification.unix_ns + std::chrono::nanoseconds(lasts).count());
  append(out, "}]");
}

}  // namespace closewatch::alert
