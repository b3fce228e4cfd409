// SPDX-License-Identifier: Apache-2.0
// Two times beside each other, for people, at most 80 columns wide: everything together and what
// changed most. Processes are matched by name, for they rarely live that long; groups by theirs.
#pragma once

#include "userspace/render/escape.h"
#include "userspace/render/output.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_span.h"

namespace closewatch {

// A line of the comparison; also what other forms show of it.
struct Change {
  std::string name;  // raw bytes; empty: not known
  std::uint64_t closures_now = 0;
  std::uint64_t closures_before = 0;
  std::uint64_t bad_now = 0;  // abortive and timed out
  std::uint64_t bad_before = 0;
  std::uint64_t lost_now = 0;  // bytes
  std::uint64_t lost_before = 0;
};

// All together first (its name is empty), then what changed most in bytes, then in bad endings.
std::vector<Change> changes(const PerProcess& now, const PerProcess& before);

void write_comparison(Output& output, const PerProcess& now, const PerProcess& before,
                      const ReportSpan& before_span, Charset charset);

}  // namespace closewatch
