// SPDX-License-Identifier: Apache-2.0
// Counts over time, in steps of equal length: of everything, and of the processes that a report
// lists first.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "userspace/classify/verdict.h"

namespace closewatch {

struct TimelineStep {
  std::array<std::uint64_t, kClassCount> classes{};
  std::uint64_t bytes_lost = 0;  // discarded + unread
};

struct TimelineRow {
  std::string name;  // raw bytes; empty: not known
  std::vector<TimelineStep> steps;
};

struct Timeline {
  std::int64_t from_unix_ns = 0;  // of the first step
  std::int64_t step_ns = 0;
  TimelineRow all;
  std::vector<TimelineRow> rows;  // worst first
};

}  // namespace closewatch
