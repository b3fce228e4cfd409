// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <utility>

#include "userspace/metrics/close_families.h"
#include "userspace/metrics/reading_families.h"

namespace closewatch {

Metrics::Metrics(SeriesLimits limits, BuildInfo build)
    : limits_(limits), build_(std::move(build)), series_(limits) {
  copy_.series.processes.reserve(limits.processes);
}

void Metrics::finding(const Finding& finding) {
  const std::lock_guard lock(counting_);
  series_.finding(finding);
  coverage_.finding(finding);
}

void Metrics::correction(const Correction& correction) {
  const std::lock_guard lock(counting_);
  if (const auto netns = series_.correction(correction)) {
    coverage_.amended(*netns, correction.verdict->reason);
  }
}

void Metrics::gap(const Gap& gap) {
  const std::lock_guard lock(counting_);
  series_.gap(gap);
}

void Metrics::take(Readings readings, std::uint64_t now_ns) {
  auto taken = std::make_shared<const Readings>(std::move(readings));
  const std::lock_guard lock(counting_);
  series_.expire(now_ns);
  coverage_.take(taken->namespaces);
  readings_.swap(taken);
}

std::vector<prometheus::MetricFamily> Metrics::Collect() const {
  const std::lock_guard collecting(collecting_);
  {
    const std::lock_guard lock(counting_);
    copy_.series = series_.state();
    copy_.coverage = coverage_.namespaces();
    copy_.readings = readings_;
  }
  Families families;
  append_build_family(families, build_);
  append_close_families(families, copy_.series, limits_);
  append_coverage_families(families, copy_.coverage);
  if (copy_.readings) {
    append_reading_families(families, *copy_.readings);
  }
  return families;
}

std::string text_page(const std::vector<prometheus::MetricFamily>& families) {
  return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace closewatch
