// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/dry_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/alert/alert_samples.h"
#include "tests/unit/render/captured_output.h"
#include "userspace/classify/explain.h"

namespace closewatch::alert {
namespace {

using testing::abort_at;
using testing::aborts;
using ::testing::ElementsAre;
using testing::fine_at;
using testing::kSecond;

EngineSettings settings() {
  return {.rules = {aborts(2)}, .storm = {.alerts = 1}, .tick_ns = kTick};
}

// Two processes abort twice within 3 seconds; nginx does it once more, five minutes later.
void give_sample(DryRun& run) {
  run.finding(abort_at(0));
  run.finding(abort_at(kSecond));
  run.finding(abort_at(2 * kSecond, "curl"));
  run.finding(abort_at(3 * kSecond, "curl"));
  run.gap({.lost_records = 7, .since_unix_ns = kNoon});
  run.finding(fine_at(120 * kSecond));
  run.finding(abort_at(300 * kSecond));
  run.finding(abort_at(301 * kSecond));
  run.finish();
}

TEST(DryRun, WritesWhatWouldHaveBeenToldAtTheTimeOfTheRecords) {
  CapturedOutput captured;
  DryRun run(settings(), captured.output(), DryRunFormat::text);
  give_sample(run);
  const Finding finding = abort_at(0);
  const std::string explanation = "  " + explain(finding.closure, finding.verdict);
  EXPECT_THAT(
      captured.lines(),
      ElementsAre(
          "2026-01-31T12:00:01.000Z firing: aborts: process nginx: 2 closures within 1m, "
          "20 bytes lost (threshold 2)",
          explanation,
          // curl was held back, and its alert was over before there was room again
          "2026-01-31T12:01:01.000Z 1 alert more since 2026-01-31T12:00:01Z: 1 aborts",
          "2026-01-31T12:01:01.000Z resolved: aborts: process nginx: 1 closure within 1m, 10 "
          "bytes lost (threshold 2)",
          "2026-01-31T12:05:01.000Z firing: aborts: process nginx: 2 closures within 1m, 20 "
          "bytes lost (threshold 2)",
          explanation,
          "7 closures: 3 alerts fired, 2 told, 1 held back, 2 resolved, 1 still firing; 7 "
          "records lost"));
}

TEST(DryRun, WritesJsonLines) {
  CapturedOutput captured;
  DryRun run(settings(), captured.output(), DryRunFormat::json);
  give_sample(run);
  std::vector<std::string> said;
  for (const std::string& line : captured.lines()) {
    const auto read = nlohmann::json::parse(line);
    said.push_back(read["event"].get<std::string>());
  }
  EXPECT_THAT(said, ElementsAre("firing", "more", "resolved", "firing", "end"));
  EXPECT_EQ(captured.lines().back(),
            R"({"v":1,"event":"end","closures":7,"fired":3,"announced":2,"held_back":1,)"
            R"("cooled_down":0,"resolved":2,"still_firing":1,"lost_records":7})");
}

TEST(DryRun, RepeatsNothing) {
  CapturedOutput captured;
  EngineSettings every_second = settings();
  every_second.refresh = std::chrono::seconds(1);
  DryRun run(every_second, captured.output(), DryRunFormat::json);
  give_sample(run);
  for (const std::string& line : captured.lines()) {
    EXPECT_NE(nlohmann::json::parse(line)["event"], "still_firing");
  }
}

TEST(DryRun, SaysTheSameOfTheSameFindings) {
  const std::vector<Finding> findings{abort_at(0), abort_at(kSecond), abort_at(90 * kSecond)};
  std::vector<std::string> texts;
  for (int time = 0; time < 2; ++time) {
    CapturedOutput captured;
    DryRun run(settings(), captured.output(), DryRunFormat::json);
    for (const Finding& finding : findings) {
      run.finding(finding);
      run.flush();
    }
    run.finish();
    texts.push_back(captured.text());
  }
  EXPECT_EQ(texts[0], texts[1]);
}

}  // namespace
}  // namespace closewatch::alert
