// SPDX-License-Identifier: Apache-2.0
// The metric families of the HTTP server itself.
#pragma once

#include "userspace/metrics/family.h"
#include "userspace/metrics/metrics_server.h"

namespace closewatch {

void append_server_families(Families& families, const ServerCounts& counts);

}  // namespace closewatch
