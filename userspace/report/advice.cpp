// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/advice.h"

#include <algorithm>

#include "userspace/classify/meaning.h"
#include "userspace/report/ranking.h"
#include "userspace/report/text_lines.h"

namespace closewatch {
namespace {

constexpr std::size_t kReasonsExplained = 3;

// The known process with most closures of that reason; null when there is none.
const ProcessReport* foremost(const PerProcess& processes, Reason reason) {
  const ProcessReport* most = nullptr;
  for (const ProcessReport& report : processes.processes()) {
    const std::uint64_t least = most != nullptr ? most->tally.of(reason) : 0;
    if (report.process.known() && report.tally.of(reason) > least) {
      most = &report;
    }
  }
  return most;
}

void write_reason(Output& output, const PerProcess& processes, const ReasonCount& each,
                  Charset charset) {
  TextBuffer title;
  append(title, fmt::format("  {}: {}", name_of(each.reason), counted(each.count, "closure")));
  if (const ProcessReport* report = foremost(processes, each.reason)) {
    append(title, fmt::format(", {} by {} ", count_text(report->tally.of(each.reason)),
                              report->process.pid));
    append_terminal_text(title, report->process.comm(), charset);
  }
  write_line(output, view_of(title));
  write_wrapped(output, 4, explanation_of(each.reason).meaning);
  write_wrapped(output, 4, explanation_of(each.reason).advice);
}

}  // namespace

void write_advice(Output& output, const PerProcess& processes, Charset charset) {
  const std::vector<ReasonCount> bad = worst_reasons(processes.all().tally);
  if (bad.empty()) {
    return;
  }
  output.end_line();
  write_line(output, "What this means, and what to do");
  for (std::size_t index = 0; index < std::min(bad.size(), kReasonsExplained); ++index) {
    write_reason(output, processes, bad[index], charset);
  }
}

}  // namespace closewatch
