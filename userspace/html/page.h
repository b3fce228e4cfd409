// SPDX-License-Identifier: Apache-2.0
// The report as one HTML page that needs nothing else: how each process closes over time, who loses
// bytes, the worst peers, what blocks in close(), what runs in the background, what listeners drop,
// and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "userspace/render/output.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_span.h"
#include "userspace/report/timeline.h"

namespace closewatch {

struct Page {
  const PerProcess& report;
  ReportSpan span;
  const Timeline& timeline;
  const PerProcess* before = nullptr;  // an earlier time to compare with
  ReportSpan before_span = {};
  const std::vector<std::string>& notes;  // what else is missing, a line each; any bytes
};

// Does not flush.
void write_page(Output& output, const Page& page);

}  // namespace closewatch
