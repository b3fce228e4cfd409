// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/notification_json.h"

#include <cmath>

#include "userspace/alert/notification_text.h"
#include "userspace/render/json_value.h"

namespace closewatch::alert {
namespace {

std::string seconds_text(std::chrono::milliseconds time) {
  return fmt::format("{}", static_cast<double>(time.count()) / 1000);
}

// The shortest text that reads back as the same number; never infinite (settings.h).
void put_number(TextBuffer& out, std::string_view key, double value) {
  append(out, key);
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    append_number(out, static_cast<std::int64_t>(value));
  } else {
    append(out, fmt::format("{}", value));
  }
}

void put_subject(TextBuffer& out, const Notification& notification) {
  const Scope per = notification.rule.per;
  const std::string_view label = label_of(notification.subject);
  const auto put_label = [&](std::string_view key, Scope scope) {
    append(out, key);
    if (per == scope) {
      append_json_string(out, label);
    } else {
      append(out, "null");
    }
  };
  put_name(out, R"(,"per":)", name_of(per));
  put_label(R"(,"process":)", Scope::process);
  put_label(R"(,"cgroup":)", Scope::cgroup);
}

void put_evidence(TextBuffer& out, const Notification& notification) {
  append(out, R"(,"evidence":[)");
  std::string_view before;
  for (const Evidence& each : notification.evidence) {
    append(out, before);
    append(out, R"({"explanation":)");
    append_json_string(out, each.explanation);
    append(out, R"(,"closure":)");
    append(out, each.closure);
    out.push_back('}');
    before = ",";
  }
  out.push_back(']');
}

void put_alert(TextBuffer& out, const Notification& notification) {
  const Rule& rule = notification.rule;
  put(out, R"(,"rule":)", rule.name);
  put_name(out, R"(,"severity":)", name_of(rule.severity));
  put_subject(out, notification);
  put(out, R"(,"summary":)", rule.summary);
  put_name(out, R"(,"measure":)", name_of(rule.measure));
  put_number(out, R"(,"level":)", notification.level);
  put_number(out, R"(,"threshold":)", rule.threshold);
  append(out, R"(,"window_s":)");
  append(out, seconds_text(rule.window));
  put(out, R"(,"closures":)", notification.closures);
  put(out, R"(,"bytes_lost":)", notification.bytes);
  append(out, R"(,"advice":)");
  if (notification.advice.empty()) {
    append(out, "null");
  } else {
    append_json_string(out, notification.advice);
  }
  put_evidence(out, notification);
}

void put_held_back(TextBuffer& out, const Notification& notification) {
  put(out, R"(,"alerts":)", notification.held_back_alerts());
  append(out, R"(,"rules":[)");
  std::string_view before = R"({"rule":)";
  for (const HeldBack& each : notification.held_back) {
    put(out, before, each.rule);
    put(out, R"(,"alerts":)", each.alerts);
    out.push_back('}');
    before = R"(,{"rule":)";
  }
  out.push_back(']');
}

}  // namespace

void append_notification_json(TextBuffer& out, const Notification& notification) {
  put_name(out, R"({"v":1,"event":)", name_of(notification.event));
  put_time(out, R"(,"time":)", notification.unix_ns);
  put_time(out, R"(,"since":)", notification.since_unix_ns);
  if (notification.event == Event::more) {
    put_held_back(out, notification);
  } else {
    put_alert(out, notification);
  }
  put(out, R"(,"lost_records":)", notification.lost_records);
  out.push_back('}');
}

}  // namespace closewatch::alert
