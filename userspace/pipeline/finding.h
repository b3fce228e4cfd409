// SPDX-License-Identifier: Apache-2.0
// The values that leave the pipeline: a closure with its verdict and what enrichment knows of the
// process, an amendment, and a gap. Every sink takes exactly these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/classify/verdict.h"
#include "userspace/enrich/process_details.h"
#include "userspace/record/closure.h"

namespace closewatch {

struct Finding {
  Closure closure;
  Verdict verdict;
  ProcessDetails process;
  ProcessDetails actor;
  std::int64_t end_unix_ns = 0;    // CLOCK_REALTIME of the end
  std::string id;                  // stable name of the closure
  std::string_view rst_reason;     // name in the kernel's own enum, prefix removed; or empty
  std::vector<std::string> stack;  // innermost first; empty when not asked for

  friend bool operator==(const Finding&, const Finding&) = default;
};

// An amendment to a Finding that was already given out.
struct Correction {
  std::string amends;  // Finding::id
  std::int64_t unix_ns = 0;
  Amendment amendment;
  ProcessDetails process;  // of amendment.process
  std::string_view rst_reason;
  // Set when the late fact changes the verdict (a reset answered to data after close).
  std::optional<Verdict> verdict;
};

// Records that never arrived.
struct Gap {
  std::uint64_t lost_records = 0;
  std::int64_t since_unix_ns = 0;  // the last moment at which nothing more was known to be lost
};

// The end of the pipeline. Called from the pipeline thread only; must not block.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void finding(const Finding& finding) = 0;
  virtual void correction(const Correction& correction) = 0;
  virtual void gap(const Gap& gap) = 0;
  // A batch is over: what was given so far should become visible.
  virtual void flush() = 0;
};

}  // namespace closewatch
