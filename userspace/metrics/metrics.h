// SPDX-License-Identifier: Apache-2.0
// The sink that keeps the metrics, and the page that a scrape gets. The pipeline's thread counts;
// any other thread may give readings and collect. One mutex is held while a closure is counted and
// while the counts are copied (some 100 KiB at the default limit), never while a page is made.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "userspace/metrics/close_series.h"
#include "userspace/metrics/coverage.h"
#include "userspace/metrics/readings.h"
#include "userspace/pipeline/finding.h"

namespace closewatch {

class Metrics final : public Sink, public prometheus::Collectable {
 public:
  Metrics(SeriesLimits limits, BuildInfo build);

  void finding(const Finding& finding) override;
  void correction(const Correction& correction) override;
  void gap(const Gap& gap) override;
  void flush() override {}

  // The numbers of the other stages, to be given every few seconds and at once after the hooks are
  // attached (the first begins the coverage). Series that are idle at `now_ns` (CLOCK_BOOTTIME) go.
  void take(Readings readings, std::uint64_t now_ns);

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // What a scrape copies; kept, so that copying needs no memory.
  struct Copy {
    SeriesState series;
    std::vector<NamespaceCoverage> coverage;
    std::shared_ptr<const Readings> readings;
  };

  const SeriesLimits limits_;
  const BuildInfo build_;
  mutable std::mutex collecting_;  // taken before counting_; guards copy_
  mutable Copy copy_;
  mutable std::mutex counting_;  // guards what follows
  CloseSeries series_;
  Coverage coverage_;
  std::shared_ptr<const Readings> readings_;  // null before the first take()
};

// In Prometheus' text format, version 0.0.4.
std::string text_page(const std::vector<prometheus::MetricFamily>& families);

}  // namespace closewatch
