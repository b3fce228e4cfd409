// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/server_families.h"

namespace closewatch {

void append_server_families(Families& families, const ServerCounts& counts) {
  {
    Family family = Family::counters(families, "closewatch_http_requests_total",
                                     "Requests, by how they were answered.");
    for (std::size_t at = 0; at < kAnswers; ++at) {
      family.add(counts.answers.at(at),
                 {{"answer", std::string{name_of(static_cast<Answer>(at))}}});
    }
  }
  {
    Family family = Family::counters(families, "closewatch_http_connections_refused_total",
                                     "Connections that found no room.");
    family.add(counts.full, {{"reason", "full"}});
    family.add(counts.address_full, {{"reason", "address_full"}});
  }
  Family::counters(families, "closewatch_http_connections_evicted_total",
                   "Connections that took too long and gave way to others.")
      .add(counts.evicted);
  Family::counters(families, "closewatch_http_connections_unanswered_total",
                   "Connections that ended without a whole request: slow, oversized, no HTTP.")
      .add(counts.unanswered);
  Family::gauges(families, "closewatch_http_connections", "Connections now.")
      .add(counts.connections);
}

}  // namespace closewatch
