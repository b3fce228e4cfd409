// SPDX-License-Identifier: Apache-2.0
// The metric families of everything but closures: kernel side, pipeline, queues, programs,
// coverage; README.md of this folder lists them.
#pragma once

#include "userspace/metrics/family.h"
#include "userspace/metrics/readings.h"

namespace closewatch {

void append_build_family(Families& families, const BuildInfo& build);
void append_reading_families(Families& families, const Readings& readings);
void append_coverage_families(Families& families, const std::vector<NamespaceCoverage>& coverage);

}  // namespace closewatch
