// SPDX-License-Identifier: Apache-2.0
// Findings and totals for the report's tests, and one set of both that all output forms are asked
// to render.
#pragma once

#include <string>

#include "tests/unit/render/sample_finding.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_span.h"

namespace closewatch {

inline constexpr ReportSpan kFiveMinutes{kNoon, kNoon + 300'000'000'000};

inline const Task kNginx = task_of(812, "nginx", 33);
inline const Task kCurl = task_of(900, "curl", 1000);

inline Finding closure_of(const Task& process, Class cls, Reason reason) {
  static std::uint64_t end_ns = 1'000'000;
  Finding finding;
  finding.closure.process = process;
  finding.closure.peer = ipv4({10, 0, 0, 9}, 50122);
  finding.closure.id = {++end_ns, 0};
  finding.verdict.cls = cls;
  finding.verdict.reason = reason;
  return finding;
}

// An abortive closure that lost `discarded` and `unread` bytes of a connection with 10.0.0.`peer`.
inline Finding lossy_closure_of(const Task& process, std::uint8_t peer, std::uint32_t discarded,
                                std::uint32_t unread) {
  Finding finding = closure_of(process, Class::abortive, Reason::unread_data);
  finding.closure.peer = ipv4({10, 0, 0, peer}, 40000);
  finding.closure.unacked = discarded;
  finding.closure.unread = unread;
  finding.verdict.lost = discarded + unread > 0;
  return finding;
}

inline ProcessTotals totals_of(const Task& process, std::uint64_t closures, std::uint64_t lost,
                               std::uint64_t discarded, std::uint64_t unread) {
  ProcessTotals totals;
  totals.process = process;
  totals.closures = closures;
  totals.lost = lost;
  totals.discarded = discarded;
  totals.unread = unread;
  return totals;
}

// nginx closed 6 connections and the record of one of them was lost; curl closed 1.
inline void give_sample(PerProcess& report) {
  Finding first = lossy_closure_of(kNginx, 9, 5000, 124);
  first.verdict.blocked_us = 12;
  first.process.cgroup = "/system.slice/nginx.service";
  first.process.start_unix_ns = kNoon - 100'000'000'000;
  report.finding(first);
  report.finding(lossy_closure_of(kNginx, 7, 0, 300));
  Finding timed_out = closure_of(kNginx, Class::timed_out, Reason::retransmission);
  timed_out.verdict.drain_us = 924'600'000;
  report.finding(timed_out);
  for (const std::uint64_t blocked_us : {std::uint64_t{3'400}, std::uint64_t{20}}) {
    Finding graceful = closure_of(kNginx, Class::graceful, Reason::peer_first);
    graceful.verdict.blocked_us = blocked_us;
    graceful.verdict.drain_us = 200;
    report.finding(graceful);
  }
  report.finding(closure_of(kCurl, Class::graceful, Reason::local_first));
  report.gap({1, kNoon + 1'000'000'000});
  const ProcessTotals totals[] = {totals_of(kCurl, 1, 0, 0, 0), totals_of(kNginx, 6, 1, 5000, 424)};
  report.set_totals(totals);
}

}  // namespace closewatch
