// SPDX-License-Identifier: Apache-2.0
// The report for people, at most 80 columns wide: losses first, then everything together, then one
// block per process, worst first. What is zero is left out.
#pragma once

#include <cstddef>

#include "userspace/render/escape.h"
#include "userspace/render/output.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_span.h"

namespace closewatch {

struct ReportStyle {
  std::size_t processes = 20;  // blocks shown; the rest is summed up in a line
  bool colour = false;         // only for a terminal without NO_COLOR
  Charset charset = Charset::utf8;
};

// Does not flush.
void write_report_text(Output& output, const PerProcess& processes, const ReportSpan& span,
                       const ReportStyle& style);

}  // namespace closewatch
