// SPDX-License-Identifier: Apache-2.0
// Findings, rules and a receiver for the tests of alerts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/render/sample_finding.h"
#include "userspace/alert/notification.h"
#include "userspace/alert/notification_text.h"
#include "userspace/alert/rule.h"

namespace closewatch::alert::testing {

inline constexpr std::int64_t kSecond = 1'000'000'000;

// A closure of `comm` that ended `after_ns` after noon, with `unread` lost bytes; every one has an
// id of its own.
inline Finding closure(std::int64_t after_ns, Reason reason, std::uint32_t unread = 0,
                       std::string_view comm = "nginx") {
  static std::uint32_t number = 0;
  Finding finding = sample_finding();
  finding.id = "closure-" + std::to_string(++number);
  finding.end_unix_ns = kNoon + after_ns;
  finding.closure.id = {static_cast<std::uint64_t>(after_ns) + 1, number};
  finding.closure.unread = unread;
  set_comm(finding.closure.process, comm);
  finding.verdict.reason = reason;
  finding.verdict.cls = class_of(reason);
  finding.verdict.rule = name_of(reason);
  finding.verdict.lost = unread > 0;
  return finding;
}

inline Finding abort_at(std::int64_t after_ns, std::string_view comm = "nginx") {
  return closure(after_ns, Reason::unread_data, 10, comm);
}
inline Finding fine_at(std::int64_t after_ns, std::string_view comm = "nginx") {
  return closure(after_ns, Reason::local_first, 0, comm);
}

// Abortive closes of each process, within a minute: a bucket of its window is a second.
inline Rule aborts(double threshold) {
  return {.name = "aborts",
          .match = {.selection = {.classes = {Class::abortive}}},
          .threshold = threshold,
          .window = std::chrono::minutes(1),
          .cool_down = {}};
}

// Keeps what it is told, as "12.5 firing aborts nginx", seconds after noon.
class Heard final : public Receiver {
 public:
  void receive(const SharedNotification& notification) override {
    all.push_back(notification);
    const std::int64_t ms = (notification->unix_ns - kNoon) / 1'000'000;
    std::string text =
        fmt::format("{} {}", static_cast<double>(ms) / 1000, name_of(notification->event));
    if (notification->event == Event::more) {
      for (const HeldBack& each : notification->held_back) {
        text += fmt::format(" {} {}", each.alerts, each.rule);
      }
    } else {
      text += fmt::format(" {} {}", notification->rule.name, label_of(notification->subject));
    }
    said.push_back(text);
  }
  const Notification& last() const { return *all.back(); }

  std::vector<std::string> said;
  std::vector<SharedNotification> all;
};

// One that fires for nginx, with one closure as evidence.
inline Notification sample_notification() {
  return {.event = Event::firing,
          .unix_ns = kNoon + 90 * kSecond,
          .since_unix_ns = kNoon + 90 * kSecond,
          .rule = {.name = "aborts", .summary = "Cut off", .threshold = 2},
          .subject = {Subject::Kind::named, "nginx"},
          .level = 3,
          .closures = 3,
          .bytes = 900,
          .evidence = {{R"({"v":1,"id":"a"})", "300 bytes were unread."}},
          .advice = "Read to the end."};
}

inline SharedNotification shared(Notification notification) {
  return std::make_shared<const Notification>(std::move(notification));
}

}  // namespace closewatch::alert::testing
