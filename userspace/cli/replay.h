// SPDX-License-Identifier: Apache-2.0
// A capture file as the source of records: the same pipeline as live, in the recorded order and the
// recorded batches. What is good before damage is delivered; the error then says what is missing.
#pragma once

#include <functional>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/enrich/stored_enricher.h"
#include "userspace/enrich/stored_stacks.h"
#include "userspace/pipeline/pipeline.h"
#include "userspace/record/capture_reader.h"

namespace closewatch {

struct ReplayEnd {
  std::vector<ProcessTotals> totals;      // the kernel's, when the capture is whole
  std::optional<CaptureTrailer> trailer;  // nullopt: not whole
  std::uint64_t last_ns = 0;              // CLOCK_BOOTTIME of the last batch
};

SourceContext source_of(const CaptureHeader& header);

// Runs to the end, until `go_on` (asked after each batch) says no, or until SIGINT or SIGTERM.
// `end` holds what was learnt also when an error is returned.
Result<> replay(CaptureReader& reader, Pipeline& pipeline, StoredEnricher& enricher,
                StoredStacks& stacks, const std::function<bool()>& go_on, ReplayEnd& end);

}  // namespace closewatch
