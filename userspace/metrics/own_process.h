// SPDX-License-Identifier: Apache-2.0
// What this process itself costs, under the names that Prometheus' client libraries agreed on
// (process_cpu_seconds_total, process_resident_memory_bytes, ...).
#pragma once

#include <string>

#include "userspace/metrics/family.h"

namespace closewatch {

// From `folder`, as /proc/self. What cannot be read is left out.
void append_own_process_families(Families& families, const std::string& folder = "/proc/self");

}  // namespace closewatch
