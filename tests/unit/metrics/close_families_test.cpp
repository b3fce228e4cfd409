// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/close_families.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/metrics/closures.h"
#include "tests/unit/metrics/family_text.h"
#include "tests/unit/render/hostile_names.h"

namespace closewatch {
namespace {

class CloseFamiliesTest : public testing::Test {
 protected:
  Families families() {
    Families families;
    append_close_families(families, series_.state(), series_.limits());
    return families;
  }
  std::string text(std::string_view name) { return text_of(families(), name); }
  std::string values(std::string_view name) { return values_of(families(), name); }

  CloseSeries series_{{.processes = 2, .idle_minutes = 60}};
};

TEST_F(CloseFamiliesTest, ShowsClosuresOfTheHost) {
  series_.finding(closure_of("nginx", Reason::peer_first, 1, Initiator::peer));
  series_.finding(closure_of("nginx", Reason::unread_data, 2, Initiator::local));
  series_.finding(closure_of("curl", Reason::unread_data, 3, Initiator::local));
  series_.finding(closure_of("curl", Reason::unknown, 4, std::nullopt));
  EXPECT_EQ(
      values("closewatch_closures_total"),
      "closewatch_closures_total{class=\"graceful\",reason=\"peer_first\",initiator=\"peer\"} 1\n"
      "closewatch_closures_total{class=\"abortive\",reason=\"unread_data\",initiator=\"local\"} 2\n"
      "closewatch_closures_total{class=\"unknown\",reason=\"unknown\",initiator=\"unknown\"} 1\n");
}

TEST_F(CloseFamiliesTest, ShowsEverySeriesOfTheHostBeforeAnythingHappened) {
  const std::string text = this->text("closewatch_closures_total");
  // 22 reasons of connections that were, each with 4 initiators, and two comments
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 22 * 4 + 2);
  EXPECT_TRUE(text.starts_with(
      "# HELP closewatch_closures_total TCP connections that ended on this host.\n"
      "# TYPE closewatch_closures_total counter\n"
      "closewatch_closures_total{class=\"graceful\",reason=\"local_first\",initiator=\"local\"} "
      "0\n"))
      << text;
  EXPECT_EQ(text.find("refused"), std::string::npos);
}

TEST_F(CloseFamiliesTest, ShowsClosuresByProcess) {
  series_.finding(closure_of("a\n\xff\"\\", Reason::peer_first, 1, Initiator::peer));
  series_.finding(closure_of("other", Reason::local_first, 2, Initiator::local));
  series_.finding(lossy_closure_of("third", 3, 7, 30));
  series_.finding(lossy_closure_of("fourth", 4, 0, 0));
  EXPECT_EQ(text("closewatch_process_closures_total"),
            "# HELP closewatch_process_closures_total TCP connections that ended, by the name of "
            "the process to tell.\n"
            "# TYPE closewatch_process_closures_total counter\n"
            "closewatch_process_closures_total{process=\"a\\\\x0a\\\\xff\\\"\\\\\\\\\",class="
            "\"graceful\",reason=\"peer_first\",initiator=\"peer\"} 1\n"
            "closewatch_process_closures_total{process=\"\\\\x6fther\",class=\"graceful\",reason="
            "\"local_first\",initiator=\"local\"} 1\n"
            "closewatch_process_closures_total{process=\"other\",class=\"abortive\",reason="
            "\"unread_data\",initiator=\"local\"} 2\n");
  EXPECT_EQ(values("closewatch_closures_folded_total"), "closewatch_closures_folded_total 2\n");
  EXPECT_EQ(values("closewatch_processes"), "closewatch_processes 2\n");
  EXPECT_EQ(values("closewatch_processes_limit"), "closewatch_processes_limit 2\n");
  EXPECT_EQ(values("closewatch_process_closures_lossy_total"),
            "closewatch_process_closures_lossy_total{process=\"other\"} 1\n");
  EXPECT_EQ(values("closewatch_process_discarded_bytes_total"),
            "closewatch_process_discarded_bytes_total{process=\"other\"} 7\n");
  EXPECT_EQ(values("closewatch_process_unread_bytes_total"),
            "closewatch_process_unread_bytes_total{process=\"other\"} 30\n");
}

TEST_F(CloseFamiliesTest, ShowsTimesAsCumulativeBuckets) {
  for (const std::uint64_t us : {std::uint64_t{12}, std::uint64_t{900}, std::uint64_t{2'000'000}}) {
    Finding finding = closure_of("nginx", Reason::local_first, us);
    finding.verdict.blocked_us = us;
    series_.finding(finding);
  }
  const auto expected = [](std::string_view name, std::string_view label) {
    const std::pair<std::string_view, int> buckets[] = {
        {"0.0001", 1}, {"0.001", 2}, {"0.01", 2}, {"0.1", 2}, {"0.5", 2},  {"1", 2},
        {"5", 3},      {"15", 3},    {"60", 3},   {"300", 3}, {"1000", 3}, {"+Inf", 3}};
    std::string text = fmt::format("{0}_count{1} 3\n{0}_sum{1} 2.000912\n", name,
                                   label.empty() ? "" : fmt::format("{{{}}}", label));
    for (const auto& [bound, count] : buckets) {
      text += fmt::format("{}_bucket{{{}{}le=\"{}\"}} {}\n", name, label, label.empty() ? "" : ",",
                          bound, count);
    }
    return text;
  };
  EXPECT_EQ(values("closewatch_close_blocked_seconds"),
            expected("closewatch_close_blocked_seconds", ""));
  EXPECT_EQ(values("closewatch_process_close_blocked_seconds"),
            expected("closewatch_process_close_blocked_seconds", "process=\"nginx\""));
  EXPECT_EQ(values("closewatch_close_drain_seconds"), "");
  EXPECT_EQ(values("closewatch_process_close_drain_seconds"), "");
}

TEST_F(CloseFamiliesTest, ShowsWhatIsNoClosureAndWhatWasLost) {
  series_.finding(closure_of("curl", Reason::refused, 1));
  const Finding amended = closure_of("curl", Reason::local_first, 2);
  series_.finding(amended);
  Correction correction = correction_of(amended);
  correction.verdict = data_after_close();
  series_.correction(correction);
  Correction unplaced = correction_of(closure_of("gone", Reason::local_first, 3));
  unplaced.amendment.unread = 9;
  series_.correction(unplaced);
  series_.gap({12, kNoon});
  series_.expire(3'600'000'000'002);
  EXPECT_EQ(values("closewatch_failed_attempts_total"),
            "closewatch_failed_attempts_total{reason=\"refused\"} 1\n");
  EXPECT_EQ(
      values("closewatch_closures_amended_total"),
      "closewatch_closures_amended_total{class=\"abortive\",reason=\"data_after_close\"} 1\n");
  EXPECT_EQ(values("closewatch_late_facts_unplaced_total"),
            "closewatch_late_facts_unplaced_total 1\n");
  EXPECT_EQ(values("closewatch_late_facts_unplaced_unread_bytes_total"),
            "closewatch_late_facts_unplaced_unread_bytes_total 9\n");
  EXPECT_EQ(values("closewatch_lost_records_total"), "closewatch_lost_records_total 12\n");
  EXPECT_EQ(values("closewatch_gaps_total"), "closewatch_gaps_total 1\n");
  EXPECT_EQ(text("closewatch_processes_expired_total"),
            "# HELP closewatch_processes_expired_total Process names that lost their series "
            "because they were idle.\n"
            "# TYPE closewatch_processes_expired_total counter\n"
            "closewatch_processes_expired_total 0\n");
}

TEST_F(CloseFamiliesTest, KeepsEverySampleOnALineOfItsOwn) {
  CloseSeries series{{.processes = 1000, .idle_minutes = 60}};
  std::uint64_t end_ns = 0;
  std::set<std::string> names;
  for (const std::string& name : hostile_names()) {
    series.finding(closure_of(name, Reason::local_first, ++end_ns));
    names.insert(name.substr(0, 15));
  }
  Families families;
  append_close_families(families, series.state(), series.limits());
  const std::string text = text_of(families, "closewatch_process_closures_total");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), static_cast<long>(names.size()) + 2);
}

}  // namespace
}  // namespace closewatch
