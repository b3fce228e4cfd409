// SPDX-License-Identifier: Apache-2.0
// Metric families in prometheus-cpp's types, put together in one line each. Names and units follow
// Prometheus' conventions: prefix closewatch_, base units, _total for counters. Help texts are
// literals on one line: the serializer does not escape them.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/metrics/time_histogram.h"

namespace closewatch {

using Families = std::vector<prometheus::MetricFamily>;
using Labels = std::vector<prometheus::ClientMetric::Label>;

class Family {
 public:
  // Grows `families` by one; no other may be begun while this one lives.
  static Family counters(Families& families, std::string_view name, std::string_view help);
  static Family gauges(Families& families, std::string_view name, std::string_view help);
  static Family histograms(Families& families, std::string_view name, std::string_view help);

  // A counter's or a gauge's value.
  void add(double value, Labels labels = {});
  void add(std::uint64_t value, Labels labels = {});
  void add_us(std::uint64_t us, Labels labels = {});  // shown in seconds
  void add_ns(std::uint64_t ns, Labels labels = {});  // shown in seconds
  void add(const TimeHistogram& times, Labels labels = {});

 private:
  explicit Family(prometheus::MetricFamily& family) : family_(family) {}

  prometheus::MetricFamily& family_;
};

}  // namespace closewatch
