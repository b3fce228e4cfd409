// SPDX-License-Identifier: Apache-2.0
// Counts over time as inline SVG: one stacked bar a step, by class, and the bytes lost in it below.
#pragma once

#include <cstdint>

#include "userspace/render/output.h"
#include "userspace/report/timeline.h"

namespace closewatch {

// The classes in the order in which they are stacked, with the style class of each.
struct ChartClass {
  Class cls;
  const char* style;
};
inline constexpr ChartClass kChartClasses[] = {
    {Class::abortive, "abortive"}, {Class::timed_out, "timed_out"}, {Class::lingered, "lingered"},
    {Class::graceful, "graceful"}, {Class::unknown, "unknown"},
};

// `height` of the bars in pixels; a step of no closures has no bar. One line of output a step.
void write_chart(Output& output, const Timeline& timeline, const TimelineRow& row, unsigned height);

}  // namespace closewatch
