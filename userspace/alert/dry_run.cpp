// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/dry_run.h"

#include "userspace/alert/notification_json.h"
#include "userspace/alert/notification_text.h"
#include "userspace/render/json_value.h"

namespace closewatch::alert {

void DryRun::receive(const SharedNotification& notification) {
  if (notification->event == Event::still_firing) {
    return;
  }
  if (format_ == DryRunFormat::text) {
    write_text(*notification);
    return;
  }
  append_notification_json(output_.buffer(), *notification);
  output_.end_line();
}

void DryRun::write_text(const Notification& notification) {
  TextBuffer& out = output_.buffer();
  append_rfc3339(out, notification.unix_ns, 3);
  out.push_back(' ');
  append_headline(out, notification);
  output_.end_line();
  if (!notification.evidence.empty()) {
    append(out, "  ");
    append(out, notification.evidence.front().explanation);
    output_.end_line();
  }
}

void DryRun::finish() {
  TextBuffer& out = output_.buffer();
  const EngineCounts& counts = engine_.counts();
  const std::size_t active = engine_.active().size();
  if (format_ == DryRunFormat::text) {
    append(out, fmt::format("{} closures: {} alerts fired, {} told, {} held back, {} resolved, "
                            "{} still firing; {} records lost",
                            counts.findings, counts.fired, counts.announced, counts.held_back,
                            counts.resolved, active, counts.lost_records));
  } else {
    put(out, R"({"v":1,"event":"end","closures":)", counts.findings);
    put(out, R"(,"fired":)", counts.fired);
    put(out, R"(,"announced":)", counts.announced);
    put(out, R"(,"held_back":)", counts.held_back);
    put(out, R"(,"cooled_down":)", counts.cooled_down);
    put(out, R"(,"resolved":)", counts.resolved);
    put(out, R"(,"still_firing":)", active);
    put(out, R"(,"lost_records":)", counts.lost_records);
    out.push_back('}');
  }
  output_.end_line();
  output_.flush();
}

}  // namespace closewatch::alert
