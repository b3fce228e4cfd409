// SPDX-License-Identifier: Apache-2.0
// The metric families of what is counted of closures; README.md of this folder lists them.
#pragma once

#include "userspace/metrics/close_series.h"
#include "userspace/metrics/family.h"

namespace closewatch {

void append_close_families(Families& families, const SeriesState& state,
                           const SeriesLimits& limits);

}  // namespace closewatch
