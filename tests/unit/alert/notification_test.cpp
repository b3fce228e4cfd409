// SPDX-License-Identifier: Apache-2.0
// The forms in which a notification is told: text, JSON, and Alertmanager's.
#include "userspace/alert/notification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/alert/alert_samples.h"
#include "tests/unit/render/hostile_names.h"
#include "userspace/alert/alertmanager_json.h"
#include "userspace/alert/notification_json.h"

namespace closewatch::alert {
namespace {

using nlohmann::ordered_json;
using std::chrono::minutes;
using testing::sample_notification;

std::string headline(const Notification& notification) {
  TextBuffer out;
  append_headline(out, notification);
  return std::string(view_of(out));
}

std::string json(const Notification& notification) {
  TextBuffer out;
  append_notification_json(out, notification);
  return std::string(view_of(out));
}

std::string alertmanager(const Notification& notification) {
  TextBuffer out;
  append_alertmanager_json(out, notification, "host.example", minutes(4));
  return std::string(view_of(out));
}

Notification held_back() {
  return {.event = Event::more,
          .unix_ns = kNoon + 60'000'000'000,
          .since_unix_ns = kNoon,
          .held_back = {{"aborts", 24}, {"other", 1}}};
}

TEST(NotificationText, SaysWhoWhatAndHowMuch) {
  EXPECT_EQ(headline(sample_notification()),
            "firing: aborts: process nginx: 3 closures within 5m, 900 bytes lost (threshold 2)");
}

TEST(NotificationText, SaysItForEachMeasureAndSubject) {
  Notification told = sample_notification();
  told.event = Event::resolved;
  told.closures = 1;
  told.bytes = 1;
  told.rule.measure = Measure::bytes;
  told.rule.per = Scope::host;
  told.subject = {};
  EXPECT_EQ(headline(told),
            "resolved: aborts: this host: 1 closure within 5m, 1 byte lost "
            "(threshold 2 bytes)");
  told.rule.measure = Measure::share;
  told.rule.threshold = 0.05;
  told.covered = 8;
  told.level = 0.125;
  told.rule.window = std::chrono::milliseconds(1500);
  told.rule.per = Scope::process;
  told.subject = {Subject::Kind::others, {}};
  EXPECT_EQ(headline(told),
            "resolved: aborts: other processes: 1 closure of 8 within 1500ms, 1 byte "
            "lost (12.5 %, threshold 5 %)");
  told.rule.measure = Measure::rise;
  told.rule.threshold = 3;
  told.level = 3.25;
  told.rule.window = std::chrono::hours(2);
  told.rule.per = Scope::cgroup;
  told.subject = {Subject::Kind::unknown, {}};
  EXPECT_EQ(headline(told),
            "resolved: aborts: an unknown cgroup: 1 closure within 2h, 1 byte lost "
            "(3.2 times as many as before, threshold 3)");
}

TEST(NotificationText, SaysHowManyMore) {
  EXPECT_EQ(headline(held_back()), "25 alerts more since 2026-01-31T12:00:00Z: 24 aborts, 1 other");
}

TEST(NotificationJson, HasEveryKey) {
  EXPECT_EQ(json(sample_notification()),
            R"({"v":1,"event":"firing","time":"2026-01-31T12:01:30.000000000Z",)"
            R"("since":"2026-01-31T12:01:30.000000000Z","rule":"aborts","severity":"warning",)"
            R"("per":"process","process":"nginx","cgroup":null,"summary":"Cut off",)"
            R"("measure":"count","level":3,"threshold":2,"window_s":300,"closures":3,)"
            R"("bytes_lost":900,"advice":"Read to the end.",)"
            R"("evidence":[{"explanation":"300 bytes were unread.","closure":{"v":1,"id":"a"}}],)"
            R"("lost_records":0})");
  EXPECT_EQ(json(held_back()),
            R"({"v":1,"event":"more","time":"2026-01-31T12:01:00.000000000Z",)"
            R"("since":"2026-01-31T12:00:00.000000000Z","alerts":25,)"
            R"("rules":[{"rule":"aborts","alerts":24},{"rule":"other","alerts":1}],)"
            R"("lost_records":0})");
}

TEST(NotificationJson, WritesNumbersThatReadBackTheSame) {
  Notification told = sample_notification();
  told.level = 1.0 / 3;
  told.rule.threshold = 9e15;
  told.rule.window = std::chrono::milliseconds(1500);
  const auto read = ordered_json::parse(json(told));
  EXPECT_EQ(read["level"].get<double>(), 1.0 / 3);
  EXPECT_EQ(read["threshold"].get<double>(), 9e15);
  EXPECT_EQ(read["window_s"].get<double>(), 1.5);
}

TEST(NotificationJson, SurvivesHostileNames) {
  for (const std::string& name : hostile_names()) {
    Notification told = sample_notification();
    told.subject.name = name;
    EXPECT_FALSE(ordered_json::parse(json(told), nullptr, false).is_discarded());
    EXPECT_FALSE(ordered_json::parse(alertmanager(told), nullptr, false).is_discarded());
    for (const char c : json(told) + alertmanager(told)) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20);
    }
    for (const char c : headline(told)) {
      EXPECT_TRUE(c >= 0x20 && c < 0x7f);
    }
  }
}

TEST(AlertmanagerJson, HasLabelsThatNameItAndAnnotationsThatExplainIt) {
  EXPECT_EQ(ordered_json::parse(alertmanager(sample_notification())), ordered_json::parse(R"json([{
    "labels": {"alertname": "aborts", "severity": "warning", "service": "closewatch",
               "instance": "host.example", "process": "nginx"},
    "annotations": {
      "summary": "Cut off",
      "description": "firing: aborts: process nginx: 3 closures within 5m, 900 bytes lost (threshold 2)",
      "explanation": "300 bytes were unread.",
      "advice": "Read to the end.",
      "evidence": "{\"v\":1,\"id\":\"a\"}"},
    "startsAt": "2026-01-31T12:01:30.000000000Z",
    "endsAt": "2026-01-31T12:05:30.000000000Z"}])json"));
}

TEST(AlertmanagerJson, ALabelSetIsTheSameWhateverHappens) {
  Notification told = sample_notification();
  const auto labels = ordered_json::parse(alertmanager(told))[0]["labels"];
  told.event = Event::resolved;
  told.unix_ns += 7'000'000'000;
  told.evidence.clear();
  const auto resolved = ordered_json::parse(alertmanager(told))[0];
  EXPECT_EQ(resolved["labels"], labels);
  EXPECT_EQ(resolved["startsAt"], "2026-01-31T12:01:30.000000000Z");
  EXPECT_EQ(resolved["endsAt"], "2026-01-31T12:01:37.000000000Z");
  EXPECT_FALSE(resolved["annotations"].contains("evidence"));
}

TEST(AlertmanagerJson, TellsWhatWasHeldBackAsAnAlertOfItsOwn) {
  const auto read = ordered_json::parse(alertmanager(held_back()))[0];
  EXPECT_EQ(read["labels"]["alertname"], "closewatch_more_alerts");
  EXPECT_FALSE(read["labels"].contains("process"));
  EXPECT_EQ(read["annotations"]["description"],
            "25 alerts more since 2026-01-31T12:00:00Z: 24 aborts, 1 other");
}

}  // namespace
}  // namespace closewatch::alert
