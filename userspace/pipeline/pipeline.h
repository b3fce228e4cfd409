// SPDX-License-Identifier: Apache-2.0
// From raw record to sinks: decode, hold what is not settled, classify, select, enrich, fan out.
// One thread. The same code serves a live trace and a replay; only the enricher and the clock
// differ. decoded = given + deselected + held, records = decoded + rejected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "userspace/base/wall_clock.h"
#include "userspace/classify/classifier.h"
#include "userspace/enrich/enricher.h"
#include "userspace/enrich/stacks.h"
#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/holding.h"
#include "userspace/pipeline/kept_filter.h"
#include "userspace/pipeline/recent_closures.h"
#include "userspace/pipeline/selection.h"

namespace closewatch {

// What the recording host said of itself; the same for all records of one source.
struct SourceContext {
  std::int64_t boot_to_unix_ns = 0;  // when it began
  std::uint64_t tick_ns = 0;
  std::map<int, std::string> reset_reasons;  // enum sk_rst_reason, prefix removed
};

struct PipelineCounts {
  std::uint64_t records = 0;
  std::uint64_t rejected = 0;  // not decodable: a bug, or a foreign record
  std::uint64_t amendments = 0;
  std::uint64_t attempts = 0;    // of the records: not among the closures that the kernel counts
  std::uint64_t given = 0;       // findings handed to the sinks
  std::uint64_t deselected = 0;  // not wanted by KeptFilter or Selection, or beyond the limit
  std::uint64_t in_doubt = 0;    // of these: the cgroup asked for, theirs not kept
  std::uint64_t unknown = 0;     // given or not, but no rule matched: a bug
  std::uint64_t held_early = 0;  // left the holding before their time: it was full
  std::uint64_t gaps = 0;        // records known to be lost
};

class Pipeline {
 public:
  // All references must outlive the pipeline.
  Pipeline(SourceContext source, Selection selection, Enricher& enricher, std::vector<Sink*> sinks);

  // Gives at most so many findings; what comes after them counts as deselected.
  void limit(std::optional<std::uint64_t> findings) { limit_ = findings.value_or(UINT64_MAX); }
  [[nodiscard]] bool limit_reached() const { return counts_.given >= limit_; }

  // Findings show the stacks that their closures name; `stacks` must outlive the pipeline.
  void show(Stacks& stacks) { stacks_ = &stacks; }

  // What the kernel would not have recorded: the records of a capture are treated as the kernel
  // treats ends. Takes some 40 bytes for each closure that is not wanted, until the pipeline ends.
  void keep(KeptFilter filter) { kept_filter_ = std::move(filter); }

  // The clocks as they are now, for a source that may outlive a setting of the wall clock; true
  // when it was set since this was called last. What ended after that call is named by the new one.
  bool look_at_clocks(std::uint64_t boot_ns, std::int64_t boot_to_unix_ns) {
    return wall_clock_.look(boot_ns, boot_to_unix_ns);
  }

  // One record as the ring buffer or a capture gave it; good for the time of the call only.
  void record(std::span<const std::byte> bytes);
  // `lost` records since the last moment known to be complete.
  void gap(std::uint64_t lost, std::uint64_t since_boot_ns);
  // A batch is over. `now_ns` (CLOCK_BOOTTIME): what was held long enough is released; sinks flush.
  void batch_end(std::uint64_t now_ns);
  // The source is over: everything that is held is released.
  void finish();

  // When batch_end() should be called next although nothing arrives; nullopt: no need.
  [[nodiscard]] std::optional<std::uint64_t> due_ns() const { return holding_.due_ns(); }
  [[nodiscard]] const PipelineCounts& counts() const { return counts_; }

 private:
  // Whether the kernel would have recorded it, had it had the filter.
  bool is_kept(const Closure& closure);
  void judge(const Closure& closure);
  // True when the amendment is of a closure that was not wanted.
  bool reconsider(const Amendment& amendment);
  void give(const Closure& closure);
  void correct(const Amendment& amendment);
  [[nodiscard]] std::string_view reset_reason(const std::optional<std::int32_t>& value) const;
  void name(std::string& out, const ClosureId& id) const;

  SourceContext source_;
  WallClock wall_clock_;
  ClassifierContext classifier_;
  Selection selection_;
  Enricher& enricher_;
  Stacks* stacks_ = nullptr;
  std::vector<Sink*> sinks_;
  Holding holding_;
  Finding finding_;  // kept, so that its strings keep their memory
  PipelineCounts counts_;
  std::uint64_t limit_ = UINT64_MAX;
  std::optional<KeptFilter> kept_filter_;
  // Those that it did not want; an amendment of one is not kept either.
  struct IdHash {
    std::size_t operator()(const ClosureId& id) const { return id.hash(); }
  };
  std::unordered_set<ClosureId, IdHash> left_out_;
  // Those that were not wanted; a late fact may change that.
  RecentClosures<Closure> unwanted_;
};

}  // namespace closewatch
