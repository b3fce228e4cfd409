// SPDX-License-Identifier: Apache-2.0
// Metrics in which every family has a series, and every count grows from one round to the next.
#pragma once

#include "tests/serve/served_metrics.h"
#include "tests/unit/render/hostile_names.h"

namespace closewatch::serve {

// Round 1, 2, ...
inline void give_everything(ServedMetrics& metrics, std::uint64_t round) {
  for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
    for (const std::string_view comm : {"nginx", "a\n\x1b[31m\xff\"},b", "other"}) {
      Finding finding = metrics.next(comm, static_cast<Reason>(reason));
      finding.closure.final_state = TcpState::established;
      finding.closure.unacked = 100;
      finding.closure.unread = 10;
      finding.verdict.lost = true;
      finding.verdict.blocked_us = 700'000;
      finding.verdict.drain_us = 3'000'000;
      metrics->finding(finding);
      if (static_cast<Reason>(reason) == Reason::local_first) {
        Correction amended = correction_of(finding);
        amended.verdict = data_after_close();
        metrics->correction(amended);
        amended.amendment.id.end_ns += 1'000'000'000;  // of no closure
        amended.amendment.unread = 5;
        metrics->correction(amended);
      }
    }
  }
  metrics->gap({.lost_records = 1, .since_unix_ns = kNoon});
  Readings readings;
  KernelCounters& kernel = readings.kernel;
  for (std::uint64_t KernelCounters::*count :
       {&KernelCounters::recorded, &KernelCounters::filtered, &KernelCounters::lost_ring,
        &KernelCounters::lost_ledger, &KernelCounters::unestablished,
        &KernelCounters::unestablished_lost, &KernelCounters::amended,
        &KernelCounters::amended_lost, &KernelCounters::begun}) {
    kernel.*count = 10 * round;
  }
  readings.pipeline = {.records = 40 * round,
                       .rejected = 10 * round,
                       .amendments = 10 * round,
                       .given = 10 * round,
                       .deselected = 10 * round,
                       .unknown = round,
                       .held_early = round,
                       .gaps = round};
  readings.pending = PendingReading{1, 2, 3, 4, 5, 6, 7, 8};
  readings.sinks = {{"history", round, round, round, 1, 10},
                    {"alerts", round, round, round, 2, 10}};
  readings.history = HistoryReading{true, round, 1000 * round, 100 * round};
  readings.programs = {{"inet_sock_set_state", round, round * 1000, round},
                       {"tcp_destroy_sock", round, round * 1000, round}};
  const std::uint64_t ends = 100 * (round - 1);
  readings.namespaces = {{4026531840, "host", {ends, ends, ends, ends, ends}}};
  metrics.take(static_cast<std::int64_t>(1000 * round), readings);
}

}  // namespace closewatch::serve
