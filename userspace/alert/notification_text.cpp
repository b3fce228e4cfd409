// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/notification_text.h"

#include <fmt/format.h>

#include "userspace/render/escape.h"
#include "userspace/render/time_text.h"

namespace closewatch::alert {
namespace {

std::string counted(std::uint64_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

void append_held_back(TextBuffer& out, const Notification& notification) {
  append(out, fmt::format("{} more since ", counted(notification.held_back_alerts(), "alert")));
  append_rfc3339(out, notification.since_unix_ns, 0);
  std::string_view before = ": ";
  for (const HeldBack& each : notification.held_back) {
    append(out, fmt::format("{}{} {}", before, each.alerts, each.rule));
    before = ", ";
  }
}

}  // namespace

std::string time_text(std::chrono::milliseconds time) {
  const auto ms = time.count();
  if (ms % 1000 != 0 || ms == 0) {
    return fmt::format("{}ms", ms);
  }
  if (ms % 60'000 != 0) {
    return fmt::format("{}s", ms / 1000);
  }
  return ms % 3'600'000 != 0 ? fmt::format("{}m", ms / 60'000) : fmt::format("{}h", ms / 3'600'000);
}

void append_subject(TextBuffer& out, Scope per, const Subject& subject) {
  switch (subject.kind) {
    case Subject::Kind::host:
      append(out, "this host");
      return;
    case Subject::Kind::unknown:
      append(out, fmt::format("an unknown {}", name_of(per)));
      return;
    case Subject::Kind::others:
      append(out, fmt::format("other {}s", per == Scope::process ? "processe" : name_of(per)));
      return;
    case Subject::Kind::named:
      append(out, fmt::format("{} ", name_of(per)));
      append_terminal_text(out, subject.name, Charset::ascii);
      return;
  }
}

std::string_view label_of(const Subject& subject) {
  switch (subject.kind) {
    case Subject::Kind::host:
      return {};
    case Subject::Kind::unknown:
      return "unknown";
    case Subject::Kind::others:
      return "other";
    case Subject::Kind::named:
      break;
  }
  return subject.name;
}

void append_level(TextBuffer& out, const Notification& notification) {
  const Rule& rule = notification.rule;
  append(out, counted(notification.closures, "closure"));
  if (rule.measure == Measure::share) {
    append(out, fmt::format(" of {}", notification.covered));
  }
  append(out, fmt::format(" within {}, {} lost (", time_text(rule.window),
                          counted(notification.bytes, "byte")));
  switch (rule.measure) {
    case Measure::count:
      append(out, fmt::format("threshold {})", rule.threshold));
      break;
    case Measure::bytes:
      append(out, fmt::format("threshold {} bytes)", rule.threshold));
      break;
    case Measure::share:
      append(out, fmt::format("{:.1f} %, threshold {:.4g} %)", notification.level * 100,
                              rule.threshold * 100));
      break;
    case Measure::rise:
      append(out, fmt::format("{:.1f} times as many as before, threshold {:.4g})",
                              notification.level, rule.threshold));
      break;
  }
}

void append_headline(TextBuffer& out, const Notification& notification) {
  if (notification.event == Event::more) {
    append_held_back(out, notification);
    return;
  }
  append(out, fmt::format("{}: {}: ", name_of(notification.event), notification.rule.name));
  append_subject(out, notification.rule.per, notification.subject);
  append(out, ": ");
  append_level(out, notification);
}

}  // namespace closewatch::alert
