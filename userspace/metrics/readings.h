// SPDX-License-Identifier: Apache-2.0
// What the metrics show of the other stages: plain numbers that the daemon reads there every few
// seconds and gives away as one value. Counts are since the start and never go down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "userspace/metrics/coverage.h"
#include "userspace/pipeline/pipeline.h"
#include "userspace/record/kernel_counts.h"
#include "userspace/record/pending_close.h"

namespace closewatch {

// Closes that still run in the background.
struct PendingReading {
  std::uint64_t fin_wait1 = 0;
  std::uint64_t fin_wait2 = 0;
  std::uint64_t closing = 0;
  std::uint64_t last_ack = 0;
  std::uint64_t other_states = 0;
  std::uint64_t unacked = 0;     // bytes sent, not acknowledged
  std::uint64_t never_sent = 0;  // bytes
  std::uint64_t oldest_ns = 0;   // since its close(); of those of which that is known
};

PendingReading summary_of(std::span<const PendingClose> closes);

// The queue in front of a sink that may block.
struct SinkReading {
  std::string sink;  // unique: "history", "log", "alerts to ..."
  std::uint64_t taken = 0;
  std::uint64_t refused = 0;  // the queue was full
  std::uint64_t failed = 0;   // taken, and given up: a full disk, a receiver that never answered
  std::size_t queued = 0;     // now
  std::size_t limit = 0;      // of the queue
};

// The file of the history.
struct HistoryReading {
  bool unchecked = false;       // a run was killed, and it is not read whole since
  std::uint64_t set_aside = 0;  // found damaged
  std::uint64_t bytes = 0;      // that hold something
  std::uint64_t log_bytes = 0;  // of the write-ahead log beside it
};

// One BPF program. Runs and their time are counted while kernel.bpf_stats_enabled is 1.
struct ProgramReading {
  std::string program;  // unique
  std::uint64_t runs = 0;
  std::uint64_t run_ns = 0;
  std::uint64_t missed = 0;  // left out by the kernel: it was running on that CPU already
};

struct Readings {
  std::int64_t unix_ns = 0;  // when they were taken
  KernelCounters kernel;     // Observer::account(): counts that are left out would fall
  PipelineCounts pipeline;
  std::optional<PendingReading> pending;  // nullopt: not known
  std::vector<SinkReading> sinks;
  std::optional<HistoryReading> history;  // nullopt: there is none
  std::vector<ProgramReading> programs;
  std::vector<NamespaceReading> namespaces;  // with unique names
  std::size_t degradations = 0;              // hooks that do not run although they were wanted
};

struct BuildInfo {
  std::string version;
  std::string hooks;  // "full" or "base"
};

}  // namespace closewatch
