// SPDX-License-Identifier: Apache-2.0
#include "userspace/html/chart.h"

#include <fmt/format.h>

#include <algorithm>

#include "userspace/html/markup.h"
#include "userspace/html/number.h"
#include "userspace/render/time_text.h"

namespace closewatch {
namespace {

constexpr double kWidth = 720;
constexpr double kLossHeight = 16;

std::uint64_t closures_in(const TimelineStep& step) {
  std::uint64_t sum = 0;
  for (const ChartClass& each : kChartClasses) {
    sum += step.classes[static_cast<std::size_t>(each.cls)];
  }
  return sum;
}

// What a browser shows under the pointer.
std::string title_of(const TimelineStep& step, std::int64_t from_unix_ns) {
  std::string title = rfc3339(from_unix_ns, 0) + ":";
  for (const ChartClass& each : kChartClasses) {
    if (const std::uint64_t count = step.classes[static_cast<std::size_t>(each.cls)]; count > 0) {
      title += fmt::format(" {} {}", number(count), name_of(each.cls));
    }
  }
  return title +
         (step.bytes_lost > 0 ? fmt::format(", {} bytes lost", number(step.bytes_lost)) : "");
}

}  // namespace

void write_chart(Output& output, const Timeline& timeline, const TimelineRow& row,
                 unsigned height) {
  std::uint64_t most = 0;
  std::uint64_t most_lost = 0;
  for (const TimelineStep& step : row.steps) {
    most = std::max(most, closures_in(step));
    most_lost = std::max(most_lost, step.bytes_lost);
  }
  const double width = kWidth / static_cast<double>(std::max<std::size_t>(1, row.steps.size()));
  const auto line = [&output](std::string_view text) {
    append(output.buffer(), text);
    output.end_line();
  };
  line(fmt::format(
      R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img"><title>at most {} closures and {} )"
      R"(bytes lost in {} s</title>)",
      kWidth, height + kLossHeight, number(most), number(most_lost),
      timeline.step_ns / 1'000'000'000));
  for (std::size_t index = 0; index < row.steps.size(); ++index) {
    const TimelineStep& step = row.steps[index];
    if (closures_in(step) == 0 && step.bytes_lost == 0) {
      continue;
    }
    const double left = static_cast<double>(index) * width;
    std::string bars =
        "<g><title>" +
        html_of(title_of(
            step, timeline.from_unix_ns + static_cast<std::int64_t>(index) * timeline.step_ns)) +
        "</title>";
    double bottom = height;
    for (const ChartClass& each : kChartClasses) {
      const std::uint64_t count = step.classes[static_cast<std::size_t>(each.cls)];
      if (count > 0) {
        const double tall = height * static_cast<double>(count) / static_cast<double>(most);
        bottom -= tall;
        bars += fmt::format(
            R"(<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>)",
            each.style, left, bottom, width, tall);
      }
    }
    if (step.bytes_lost > 0) {
      const double tall = std::max(1.0, (kLossHeight - 2) * static_cast<double>(step.bytes_lost) /
                                            static_cast<double>(most_lost));
      bars +=
          fmt::format(R"(<rect class="lost" x="{:.2f}" y="{}" width="{:.2f}" height="{:.2f}"/>)",
                      left, height + 2, width, tall);
    }
    line(bars + "</g>");
  }
  line("</svg>");
  line(fmt::format(R"(<p class="axis"><span>{}</span><span>at most {} closures, {} bytes lost in )"
                   R"({} s</span><span>{}</span></p>)",
                   rfc3339(timeline.from_unix_ns, 0), number(most), number(most_lost),
                   timeline.step_ns / 1'000'000'000,
                   rfc3339(timeline.from_unix_ns +
                               static_cast<std::int64_t>(row.steps.size()) * timeline.step_ns,
                           0)));
}

}  // namespace closewatch
