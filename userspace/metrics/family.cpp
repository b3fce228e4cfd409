// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/family.h"

#include <utility>

namespace closewatch {
namespace {

constexpr double kUsPerSecond = 1e6;
constexpr double kNsPerSecond = 1e9;

prometheus::MetricFamily& begin(Families& families, std::string_view name, std::string_view help,
                                prometheus::MetricType type) {
  return families.emplace_back(
      prometheus::MetricFamily{std::string{name}, std::string{help}, type, {}});
}

}  // namespace

Family Family::counters(Families& families, std::string_view name, std::string_view help) {
  return Family{begin(families, name, help, prometheus::MetricType::Counter)};
}

Family Family::gauges(Families& families, std::string_view name, std::string_view help) {
  return Family{begin(families, name, help, prometheus::MetricType::Gauge)};
}

Family Family::histograms(Families& families, std::string_view name, std::string_view help) {
  return Family{begin(families, name, help, prometheus::MetricType::Histogram)};
}

void Family::add(double value, Labels labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  metric.counter.value = value;
  metric.gauge.value = value;
}

void Family::add(std::uint64_t value, Labels labels) {
  add(static_cast<double>(value), std::move(labels));
}

void Family::add_us(std::uint64_t us, Labels labels) {
  add(static_cast<double>(us) / kUsPerSecond, std::move(labels));
}

void Family::add_ns(std::uint64_t ns, Labels labels) {
  add(static_cast<double>(ns) / kNsPerSecond, std::move(labels));
}

void Family::add(const TimeHistogram& times, Labels labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  std::uint64_t below = 0;
  for (std::size_t at = 0; at < TimeHistogram::kBoundsUs.size(); ++at) {
    below += times.in_bucket(at);
    const double bound = static_cast<double>(TimeHistogram::kBoundsUs.at(at)) / kUsPerSecond;
    metric.histogram.bucket.push_back({below, bound});
  }
  metric.histogram.sample_count = times.count();
  metric.histogram.sample_sum = static_cast<double>(times.sum_us()) / kUsPerSecond;
}

}  // namespace closewatch
