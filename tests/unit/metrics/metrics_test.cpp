// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/metrics.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/unit/metrics/closures.h"
#include "tests/unit/metrics/family_text.h"

namespace closewatch {
namespace {

constexpr std::uint64_t kMinuteNs = 60'000'000'000;

// Every number another one.
Readings sample_readings() {
  Readings readings;
  readings.unix_ns = kNoon;
  readings.kernel = {.ended = 100,
                     .recorded = 90,
                     .filtered = 4,
                     .lost_ring = 5,
                     .lost_ledger = 1,
                     .unestablished = 11,
                     .unestablished_lost = 12,
                     .amended = 13,
                     .amended_lost = 14,
                     .totals_folded = 15,
                     .rst_no_socket = 16,
                     .wakeups = 17,
                     .ledger_refused = 18,
                     .ends_recovered = 19,
                     .begun = 120,
                     .open = 21,
                     .unseen = 22,
                     .stacks_lost = 23,
                     .holders_refused = 26,
                     .missed_runs = 24,
                     .made_up_runs = 25};
  readings.pipeline = {.records = 57,
                       .rejected = 31,
                       .amendments = 32,
                       .given = 33,
                       .deselected = 34,
                       .unknown = 35,
                       .held_early = 36,
                       .gaps = 37};
  readings.pending = PendingReading{41, 42, 43, 44, 45, 46, 47, 1'500'000'000};
  readings.history = {true, 58, 59, 60};
  readings.sinks = {{"history", 51, 52, 56, 53, 54}, {"al\"erts", 55, 0, 0, 0, 57}};
  readings.programs = {{"set_state", 61, 2'500'000'000, 63}};
  readings.degradations = 2;
  return readings;
}

TEST(MetricsTest, ShowsTheReadingsOfTheOtherStages) {
  Metrics metrics({}, {"0.1.0", "full"});
  Readings readings = sample_readings();
  readings.namespaces = {{4026531840, "host", {100, 0, 0, 0, 0}}};
  metrics.take(readings, 1);
  Finding finding = closure_of("nginx", Reason::unread_data, 1);
  finding.closure.final_state = TcpState::established;
  metrics.finding(finding);
  readings.namespaces[0].counters = {102, 1, 0, 0, 0};
  metrics.take(readings, 2);
  const Families families = metrics.Collect();
  const std::pair<std::string_view, std::string_view> expected[] = {
      {"closewatch_build_info", "{version=\"0.1.0\",hooks=\"full\"} 1\n"},
      {"closewatch_coverage_kernel_ends_total",
       "{netns=\"host\",end=\"established_reset\"} 2\n"
       "{netns=\"host\",end=\"abort_on_close\"} 1\n"},
      {"closewatch_coverage_seen_ends_total",
       "{netns=\"host\",end=\"established_reset\"} 1\n"
       "{netns=\"host\",end=\"abort_on_close\"} 1\n"},
      {"closewatch_readings_timestamp_seconds", " 1769860800\n"},
      {"closewatch_degradations", " 2\n"},
      {"closewatch_kernel_ends_total",
       "{outcome=\"recorded\"} 90\n{outcome=\"filtered\"} 4\n{outcome=\"lost_ring\"} 5\n"
       "{outcome=\"lost_ledger\"} 1\n"},
      {"closewatch_kernel_amendments_total",
       "{outcome=\"recorded\"} 13\n{outcome=\"lost_ring\"} 14\n"},
      {"closewatch_kernel_connections_begun_total", " 120\n"},
      {"closewatch_kernel_failed_attempts_total", " 11\n"},
      {"closewatch_kernel_failed_attempts_lost_total", " 12\n"},
      {"closewatch_kernel_totals_folded_total", " 15\n"},
      {"closewatch_kernel_ledger_refused_total", " 18\n"},
      {"closewatch_kernel_ends_recovered_total", " 19\n"},
      {"closewatch_kernel_stacks_lost_total", " 23\n"},
      {"closewatch_kernel_holders_refused_total", " 26\n"},
      {"closewatch_kernel_resets_without_socket_total", " 16\n"},
      {"closewatch_kernel_wakeups_total", " 17\n"},
      {"closewatch_kernel_runs_missed_total", " 24\n"},
      {"closewatch_kernel_runs_made_up_total", " 25\n"},
      {"closewatch_kernel_connections_open", " 21\n"},
      {"closewatch_kernel_connections_unseen", " 22\n"},
      {"closewatch_pipeline_records_total",
       "{outcome=\"given\"} 33\n{outcome=\"deselected\"} 34\n{outcome=\"amendment\"} 32\n"
       "{outcome=\"rejected\"} 31\n"},
      {"closewatch_pipeline_held_early_total", " 36\n"},
      {"closewatch_pipeline_unknown_total", " 35\n"},
      {"closewatch_pending_closes",
       "{state=\"FIN_WAIT1\"} 41\n{state=\"FIN_WAIT2\"} 42\n{state=\"CLOSING\"} 43\n"
       "{state=\"LAST_ACK\"} 44\n{state=\"other\"} 45\n"},
      {"closewatch_pending_bytes", "{kind=\"unacked\"} 46\n{kind=\"never_sent\"} 47\n"},
      {"closewatch_pending_oldest_seconds", " 1.5\n"},
      {"closewatch_sink_taken_total", "{sink=\"history\"} 51\n{sink=\"al\\\"erts\"} 55\n"},
      {"closewatch_sink_refused_total", "{sink=\"history\"} 52\n"},
      {"closewatch_sink_failed_total", "{sink=\"history\"} 56\n"},
      {"closewatch_sink_queued", "{sink=\"history\"} 53\n"},
      {"closewatch_history_unchecked", " 1\n"},
      {"closewatch_history_set_aside_total", " 58\n"},
      {"closewatch_history_bytes", " 59\n"},
      {"closewatch_history_log_bytes", " 60\n"},
      {"closewatch_sink_queue_limit", "{sink=\"history\"} 54\n{sink=\"al\\\"erts\"} 57\n"},
      {"closewatch_bpf_run_seconds_total", "{program=\"set_state\"} 2.5\n"},
      {"closewatch_bpf_runs_total", "{program=\"set_state\"} 61\n"},
      {"closewatch_bpf_missed_runs_total", "{program=\"set_state\"} 63\n"},
  };
  for (const auto& [name, values] : expected) {
    std::string lines;
    for (std::size_t at = 0; at < values.size();) {
      const std::size_t next = values.find('\n', at) + 1;
      lines += std::string{name} + std::string{values.substr(at, next - at)};
      at = next;
    }
    EXPECT_EQ(values_of(families, name), lines);
  }
}

TEST(MetricsTest, LaysALateResetBesideTheKernelsCount) {
  Metrics metrics({}, {"0.1.0", "full"});
  Readings readings;
  readings.namespaces = {{4026531840, "host", {}}};
  metrics.take(readings, 1);
  const Finding finding = closure_of("nginx", Reason::local_first, 1);
  metrics.finding(finding);
  Correction correction = correction_of(finding);
  metrics.correction(correction);  // changes nothing
  correction.verdict = data_after_close();
  metrics.correction(correction);
  EXPECT_EQ(values_of(metrics.Collect(), "closewatch_coverage_seen_ends_total"),
            "closewatch_coverage_seen_ends_total{netns=\"host\",end=\"abort_on_data\"} 1\n");
}

TEST(MetricsTest, GivesEveryFamilyOnceWithItsHelp) {
  Metrics metrics({}, {"0.1.0", "full"});
  metrics.take(sample_readings(), 1);
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_TRUE(family.name.starts_with("closewatch_")) << family.name;
    EXPECT_TRUE(family.help.ends_with(".")) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == prometheus::MetricType::Counter)
        << family.name;
  }
}

TEST(MetricsTest, ShowsNothingOfAStageThatWasNotRead) {
  const Metrics metrics({}, {"0.1.0", "base"});
  EXPECT_EQ(text_of(metrics.Collect(), "closewatch_kernel_ends_total"), "");
  Metrics read({}, {"0.1.0", "base"});
  read.take({}, 1);
  EXPECT_EQ(text_of(read.Collect(), "closewatch_pending_closes"), "");
}

TEST(MetricsTest, SummarisesPendingCloses) {
  const auto pending = [](TcpState state, std::optional<std::uint64_t> age_ns) {
    PendingClose close;
    close.state = state;
    close.age_ns = age_ns;
    close.unacked = 10;
    close.never_sent = 3;
    return close;
  };
  const PendingClose closes[] = {pending(TcpState::fin_wait1, 5),
                                 pending(TcpState::fin_wait1, 9),
                                 pending(TcpState::fin_wait2, std::nullopt),
                                 pending(TcpState::closing, 1),
                                 pending(TcpState::last_ack, 2),
                                 pending(TcpState::established, 3)};
  const PendingReading reading = summary_of(closes);
  EXPECT_EQ(reading.fin_wait1, 2U);
  EXPECT_EQ(reading.fin_wait2, 1U);
  EXPECT_EQ(reading.closing, 1U);
  EXPECT_EQ(reading.last_ack, 1U);
  EXPECT_EQ(reading.other_states, 1U);
  EXPECT_EQ(reading.unacked, 60U);
  EXPECT_EQ(reading.never_sent, 18U);
  EXPECT_EQ(reading.oldest_ns, 9U);
}

TEST(MetricsTest, ExpiresIdleNamesWithTheReadings) {
  Metrics metrics({.processes = 10, .idle_minutes = 1}, {"0.1.0", "full"});
  metrics.finding(closure_of("nginx", Reason::local_first, kMinuteNs));
  metrics.take({}, 2 * kMinuteNs - 1);
  EXPECT_EQ(values_of(metrics.Collect(), "closewatch_processes"), "closewatch_processes 1\n");
  metrics.take({}, 2 * kMinuteNs);
  EXPECT_EQ(values_of(metrics.Collect(), "closewatch_processes"), "");
  EXPECT_EQ(values_of(metrics.Collect(), "closewatch_processes_expired_total"),
            "closewatch_processes_expired_total 1\n");
}

// Run under TSan too. What a scrape sees at once is consistent, and only grows.
TEST(MetricsTest, CollectsWhileTheRingThreadCounts) {
  Metrics metrics({.processes = 4, .idle_minutes = 60}, {"0.1.0", "full"});
  constexpr std::uint64_t kClosures = 4000;
  std::atomic<bool> done = false;
  std::thread scraper([&] {
    double last = 0;
    while (!done) {
      metrics.take(sample_readings(), 1);
      double host = 0;
      double processes = 0;
      for (const prometheus::MetricFamily& family : metrics.Collect()) {
        for (const prometheus::ClientMetric& metric : family.metric) {
          host += family.name == "closewatch_closures_total" ? metric.counter.value : 0;
          processes +=
              family.name == "closewatch_process_closures_total" ? metric.counter.value : 0;
        }
      }
      EXPECT_EQ(host, processes);
      EXPECT_GE(host, last);
      last = host;
    }
  });
  for (std::uint64_t at = 1; at <= kClosures; ++at) {
    metrics.finding(
        closure_of(std::string(1, static_cast<char>('a' + at % 6)), Reason::local_first, at));
  }
  done = true;
  scraper.join();
  EXPECT_EQ(values_of(metrics.Collect(), "closewatch_closures_total"),
            "closewatch_closures_total{class=\"graceful\",reason=\"local_first\",initiator="
            "\"local\"} 4000\n");
}

}  // namespace
}  // namespace closewatch
