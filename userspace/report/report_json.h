// SPDX-License-Identifier: Apache-2.0
// The report as one JSON object on one line; its keys are listed in README.md of this folder.
#pragma once

#include "userspace/render/output.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_span.h"

namespace closewatch {

// All processes, worst first. Does not flush.
void write_report_json(Output& output, const PerProcess& processes, const ReportSpan& span);

}  // namespace closewatch
