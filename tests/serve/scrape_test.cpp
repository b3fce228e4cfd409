// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/serve/prometheus.h"
#include "tests/serve/served_metrics.h"
#include "tests/storm/await.h"
#include "tests/unit/render/hostile_names.h"

namespace closewatch::serve {
namespace {

void await_readings_of(const Prometheus& prometheus, std::int64_t unix_s) {
  storm::await("a scrape of the newest readings", [&] {
    return prometheus.value("closewatch_readings_timestamp_seconds") == static_cast<double>(unix_s);
  });
}

// The bytes that a label stands for: \xNN and \\ undone. A name ends at its first NUL.
std::string bytes_of(std::string_view label) {
  std::string bytes;
  for (std::size_t at = 0; at < label.size(); ++at) {
    if (label[at] != '\\') {
      bytes.push_back(label[at]);
    } else if (label.at(at + 1) == '\\') {
      bytes.push_back('\\');
      at += 1;
    } else {
      bytes.push_back(
          static_cast<char>(std::stoi(std::string{label.substr(at + 2, 2)}, nullptr, 16)));
      at += 3;
    }
  }
  return bytes.substr(0, bytes.find('\0'));
}

TEST(Scrape, ShowsEveryValueExactly) {
  ServedMetrics metrics;
  for (int at = 0; at < 412; ++at) {
    metrics->finding(metrics.next("nginx", Reason::peer_first, Initiator::peer));
  }
  for (int at = 0; at < 7; ++at) {
    Finding finding = metrics.next_lossy("uploadd", 1000, 19513);
    finding.verdict.blocked_us = 12;
    finding.verdict.drain_us = 2'000'000;
    metrics->finding(finding);
  }
  metrics->finding(metrics.next("curl", Reason::refused));
  Readings readings;
  readings.kernel.recorded = 420;
  readings.kernel.lost_ring = 3;
  readings.namespaces = {{4026531840, "host", {}}};
  metrics.take(1, readings);
  Finding seen = metrics.next("nginx", Reason::unread_data);
  seen.closure.final_state = TcpState::established;
  metrics->finding(seen);
  readings.namespaces[0].counters = {1, 1, 0, 0, 0};
  metrics.take(1000, readings);
  const Prometheus prometheus(metrics.address());
  await_readings_of(prometheus, 1000);
  EXPECT_EQ(prometheus.value("up"), 1);
  EXPECT_EQ(prometheus.value("sum(closewatch_closures_total)"), 420);
  EXPECT_EQ(prometheus.value(
                "closewatch_closures_total{class='graceful',reason='peer_first',initiator='peer'}"),
            412);
  EXPECT_EQ(prometheus.value("sum(closewatch_closures_total{reason='unread_data'})"), 8);
  EXPECT_EQ(prometheus.value("closewatch_process_closures_total{process='uploadd'}"), 7);
  EXPECT_EQ(prometheus.value("closewatch_discarded_bytes_total"), 7000);
  EXPECT_EQ(prometheus.value("closewatch_process_unread_bytes_total{process='uploadd'}"),
            7 * 19513);
  EXPECT_EQ(prometheus.value("closewatch_process_closures_lossy_total{process='uploadd'}"), 7);
  EXPECT_EQ(prometheus.value("closewatch_failed_attempts_total{reason='refused'}"), 1);
  EXPECT_EQ(prometheus.value("closewatch_close_blocked_seconds_bucket{le='0.0001'}"), 7);
  EXPECT_EQ(prometheus.value("closewatch_close_drain_seconds_bucket{le='1'}"), 0);
  EXPECT_EQ(prometheus.value("closewatch_close_drain_seconds_bucket{le='5'}"), 7);
  EXPECT_EQ(prometheus.value("closewatch_close_drain_seconds_sum"), 14);
  EXPECT_EQ(prometheus.value("closewatch_close_drain_seconds_count"), 7);
  EXPECT_EQ(prometheus.value("closewatch_kernel_ends_total{outcome='lost_ring'}"), 3);
  EXPECT_EQ(prometheus.value("sum(closewatch_coverage_seen_ends_total) / "
                             "sum(closewatch_coverage_kernel_ends_total)"),
            1);
  EXPECT_EQ(prometheus.value("closewatch_build_info{version='0.1.0',hooks='full'}"), 1);
}

TEST(Scrape, ShowsEveryHostileName) {
  ServedMetrics metrics(1000);
  std::map<std::string, double> expected;
  for (const std::string& name : hostile_names()) {
    const std::string comm = name.substr(0, 15);
    for (std::size_t times = 0; times <= expected.size() % 3; ++times) {
      metrics->finding(metrics.next(comm, Reason::local_first));
      ++expected[comm];
    }
  }
  for (const std::string_view name : {"other", "unknown"}) {
    metrics->finding(metrics.next(name, Reason::local_first));
    ++expected[std::string{name}];
  }
  metrics.take(1000);
  const Prometheus prometheus(metrics.address());
  await_readings_of(prometheus, 1000);
  std::map<std::string, double> seen;
  for (const Sample& sample : prometheus.query("closewatch_process_closures_total")) {
    seen[bytes_of(sample.labels.at("process").get<std::string>())] += sample.value;
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(prometheus.value("up"), 1);
}

// What a name had before it expired must not look like closures of that moment, and sums must not
// fall.
TEST(Scrape, KeepsRatesTrueWhenNamesExpire) {
  constexpr std::uint64_t kHourNs = 3'600'000'000'000;
  ServedMetrics metrics(2);
  for (int at = 0; at < 100; ++at) {
    metrics->finding(metrics.next("one", Reason::linger_zero));
    metrics->finding(metrics.next("two", Reason::linger_zero));
  }
  metrics->finding(metrics.next("three", Reason::linger_zero));
  metrics.take(1000);
  const Prometheus prometheus(metrics.address());
  await_readings_of(prometheus, 1000);
  EXPECT_EQ(prometheus.value("closewatch_process_closures_total{process='one'}"), 100);
  EXPECT_EQ(prometheus.value("closewatch_process_closures_total{process='other'}"), 1);
  metrics.take(2000, {}, 2 * kHourNs);
  await_readings_of(prometheus, 2000);
  EXPECT_TRUE(prometheus.query("closewatch_process_closures_total{process=~'one|two'}").empty());
  EXPECT_EQ(prometheus.value("closewatch_processes_expired_total"), 2);
  EXPECT_EQ(prometheus.value("closewatch_process_closures_total{process='other'}"), 1);
  EXPECT_EQ(prometheus.value("sum(closewatch_closures_total)"), 201);
  EXPECT_EQ(prometheus.value("sum(increase(closewatch_closures_total[5m]))"), 0);
  EXPECT_EQ(prometheus.value("sum(increase(closewatch_process_closures_total[5m]))"), 0);
  EXPECT_EQ(prometheus.value("sum(resets(closewatch_closures_total[5m]))"), 0);
}

}  // namespace
}  // namespace closewatch::serve
