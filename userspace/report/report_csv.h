// SPDX-License-Identifier: Apache-2.0
// The report as CSV: a header line, then the total, each process (worst first) and the others. The
// columns are listed in README.md of this folder; unknown cells are empty.
#pragma once

#include "userspace/render/output.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_span.h"

namespace closewatch {

void write_report_csv_header(Output& output);

// One report without the header, so that interval reports follow each other. Does not flush.
void write_report_csv(Output& output, const PerProcess& processes, const ReportSpan& span);

}  // namespace closewatch
