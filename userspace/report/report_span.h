// SPDX-License-Identifier: Apache-2.0
// The time that a report covers, CLOCK_REALTIME in ns.
#pragma once

#include <cstdint>

namespace closewatch {

struct ReportSpan {
  std::int64_t from_unix_ns = 0;
  std::int64_t to_unix_ns = 0;
};

}  // namespace closewatch
