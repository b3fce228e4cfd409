// SPDX-License-Identifier: Apache-2.0
// Sinks and records for the pipeline's tests.
#pragma once

#include <cerrno>
#include <string>
#include <vector>

#include "tests/data/example_record.h"
#include "userspace/pipeline/finding.h"

namespace closewatch::testing {

// Keeps what it is given, as "reason" of a finding, "^reason" of a correction, "gap N".
class Kept final : public Sink {
 public:
  void finding(const Finding& finding) override {
    said.emplace_back(name_of(finding.verdict.reason));
    findings.push_back(finding);
  }
  void correction(const Correction& correction) override {
    said.push_back("^" + std::string(correction.verdict ? name_of(correction.verdict->reason)
                                                        : std::string_view("fact")));
    corrections.push_back(correction);
  }
  void gap(const Gap& gap) override { said.push_back("gap " + std::to_string(gap.lost_records)); }
  void flush() override { ++flushes; }

  std::vector<std::string> said;
  std::vector<Finding> findings;
  std::vector<Correction> corrections;
  int flushes = 0;
};

// An orphan that tcp_reset() ended, base hooks: a RST, or data after close.
inline Closure ambiguous_reset(std::uint32_t n, std::uint64_t end_ns) {
  Closure closure = example_closure(n);
  closure.id = {.end_ns = end_ns, .cpu = 0};
  closure.end_ns = end_ns;
  closure.born_ns = end_ns - 900;
  closure.close_ns = end_ns - 500;
  closure.blocked_ns.reset();
  closure.linger_ns.reset();
  closure.facts = {.dead = true, .fin_queued = true, .reset_called = true, .awaits_rst = true};
  closure.closer = {.closed = true};
  closure.actor = {};
  closure.state_at_close = TcpState::established;
  closure.final_state = TcpState::fin_wait1;
  closure.sock_error = ECONNRESET;
  closure.sock_soft_error = 0;
  closure.linger2 = 0;
  closure.unread = 0;
  return closure;
}

// The same socket's graceful cousin: nothing to wait for.
inline Closure graceful_close(std::uint32_t n, std::uint64_t end_ns) {
  Closure closure = ambiguous_reset(n, end_ns);
  closure.facts = {.dead = true, .peer_fin = true, .fin_queued = true};
  closure.final_state = TcpState::fin_wait2;
  closure.sock_error = 0;
  closure.never_sent = 0;
  closure.unacked = 0;
  return closure;
}

inline Amendment rst_answer(const Closure& closure, std::uint64_t time_ns) {
  Amendment amendment;
  amendment.id = closure.id;
  amendment.facts.rst_answer = true;
  amendment.time_ns = time_ns;
  return amendment;
}

}  // namespace closewatch::testing
