// SPDX-License-Identifier: Apache-2.0
// What the kernel side counts whether or not a record arrives (struct cw_counters and cw_totals in
// bpf/abi.h), read live by kernel/ and kept at the end of a capture.
#pragma once

#include <cstdint>

#include "userspace/record/closure.h"

namespace closewatch {

// Over all CPUs, since the start; ended = recorded + filtered + lost_ring + lost_ledger.
// begun = (ended - lost_ledger) + unestablished + open + unseen.
struct KernelCounters {
  std::uint64_t ended = 0;
  std::uint64_t recorded = 0;
  std::uint64_t filtered = 0;
  std::uint64_t lost_ring = 0;
  std::uint64_t lost_ledger = 0;
  std::uint64_t unestablished = 0;
  std::uint64_t unestablished_lost = 0;
  std::uint64_t amended = 0;
  std::uint64_t amended_lost = 0;
  std::uint64_t totals_folded = 0;
  std::uint64_t rst_no_socket = 0;
  std::uint64_t wakeups = 0;
  std::uint64_t ledger_refused = 0;
  std::uint64_t ends_recovered = 0;
  std::uint64_t begun = 0;  // connections and attempts that the ledger took up
  std::uint64_t open = 0;   // of these, still in the ledger; counted on request
  // Of these, at least so many ended without any program being run: exact when nothing began or
  // ended while `open` was counted.
  std::uint64_t unseen = 0;
  std::uint64_t stacks_lost = 0;      // of recorded closures, for which the kernel side had no room
  std::uint64_t holders_refused = 0;  // sockets open at the start whose holder found no room
  // Runs that the kernel left out because the program was interrupted by itself on one CPU. Counted
  // by the kernel (bpf_prog_info.recursion_misses, 5.12 and later), not in cw_counters.
  std::uint64_t missed_runs = 0;
  std::uint64_t made_up_runs = 0;  // of these, at least so many were done by the next program

  friend bool operator==(const KernelCounters&, const KernelCounters&) = default;
};

// Exact totals of one process, kept whether or not its records arrived.
struct ProcessTotals {
  Task process = {};            // pid 0: not known; tid and cgroup are not kept
  std::uint64_t closures = 0;   // established connections that ended
  std::uint64_t lost = 0;       // of these, not carried by the ring buffer
  std::uint64_t discarded = 0;  // bytes
  std::uint64_t unread = 0;     // bytes
  bool other = false;           // processes that there was no room for

  friend bool operator==(const ProcessTotals&, const ProcessTotals&) = default;
};

}  // namespace closewatch
