// SPDX-License-Identifier: Apache-2.0
// Reads a history from any process, also while it is written: counts over a time from the rollups,
// closures in their order, one closure by its id. Each call sees one consistent state. What a file
// holds is believed to be well formed no more than it must be: odd values read as unknown.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/history/closure_row.h"
#include "userspace/history/database.h"
#include "userspace/history/losses.h"
#include "userspace/pipeline/finding.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_span.h"
#include "userspace/report/timeline.h"

namespace closewatch::history {

// How much of a time the history knows.
struct Coverage {
  std::int64_t observed_ns = 0;                   // of the time, with a writer that was running
  std::optional<std::int64_t> rollups_from_ns;    // the oldest minute that is kept
  std::optional<std::int64_t> closures_from_ns;   // the oldest row that is kept
  std::optional<std::int64_t> closures_until_ns;  // the newest one
};

// Which closures a report counts, of what rollups tell apart. What is empty is any.
struct RollupFilter {
  std::function<bool(const Task&, const ProcessDetails&)> process = {};
  std::function<bool(Class, Reason)> verdict = {};
  std::optional<bool> ipv4 = {};  // false: IPv6
  bool lost = false;              // those that lost bytes; how long these took is not known
};

class Reader {
 public:
  // Errors: no such file, not readable, no history, another schema version.
  static Result<Reader> open(const std::string& path);

  // Whether the file begins as one of SQLite does, and so is no capture.
  static bool may_be_history(const std::string& path);

  // What rollups can tell of a time: the whole minutes, or hours, that it touches.
  Result<ReportSpan> whole(const ReportSpan& span);

  // Counts of `span`, which is whole(), into `report` (fresh, with the grouping that is wanted),
  // with the losses of that time. Exact in counts and bytes; quantiles from merged histograms;
  // peers are networks. With `timeline`: also over time, in at most `kTimelineSteps` steps, for all
  // and for the first few of the report. Closures that `filter` cannot judge, because they are not
  // told apart, are left out and told as `not_told_apart` in the losses.
  static constexpr std::size_t kTimelineSteps = 120;
  static constexpr std::size_t kTimelineRows = 8;
  Result<> report(const ReportSpan& span, PerProcess& report, Timeline* timeline = nullptr,
                  const RollupFilter& filter = {});

  // Closures that ended in [from, to), oldest first, and what is missing between them, until `take`
  // says no. Late facts are part of what is given. A `Finding` is good for the time of the call.
  using Take = std::function<bool(const Finding&)>;
  using Miss = std::function<void(const Loss&)>;
  Result<> closures(const ReportSpan& span, const Take& take, const Miss& miss);

  // nullopt: no such row. Good until the next call.
  Result<std::optional<Finding>> closure(const RowKey& key);

  // In the order of their beginning: those that touch [from, to).
  Result<std::vector<Loss>> losses(const ReportSpan& span);
  Result<Coverage> coverage(const ReportSpan& span);

  // Length of a jiffy of the host, of the newest session; 0 not known.
  Result<std::uint64_t> tick_ns();

 private:
  struct Identity {
    std::int64_t boot = 0;
    Task task;
    ProcessDetails details;
  };
  explicit Reader(Database database) : database_(std::move(database)) {}
  Result<const Identity*> process(std::int64_t row);
  Result<> complete(Finding& finding, const RowReferences& references);

  friend class Grouper;
  friend class Sieve;
  Database database_;
  std::map<std::int64_t, Identity> processes_;
  Names names_;
};

}  // namespace closewatch::history
