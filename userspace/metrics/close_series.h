// SPDX-License-Identifier: Apache-2.0
// What is counted of closures: over the whole host, and by process name in bounded memory. Every
// number only ever grows, as a Prometheus counter must: a closure is counted under the verdict that
// it got when it ended, and a verdict that a late fact changes is counted beside it, not moved.
//
// A name that finds no room is counted under `other`. A name that was idle for long loses its
// series; its counts are not added to `other`, where rate() would take them for closures of that
// moment. The counts of the host hold them for ever, so those are what sums over time are made of.
// Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "userspace/metrics/time_histogram.h"
#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/recent_closures.h"

namespace closewatch {

// Of Initiator; the last is for those that are not known.
inline constexpr std::size_t kInitiators = 4;

struct CloseCounts {
  // By reason and initiator. Never of connections that were never established.
  std::array<std::array<std::uint64_t, kInitiators>, kReasonCount> closures{};
  std::array<std::uint64_t, kReasonCount> amended{};  // verdict changed later, by the new reason
  std::uint64_t lossy = 0;                            // closures that lost bytes
  std::uint64_t discarded = 0;                        // bytes
  std::uint64_t unread = 0;                           // bytes
  TimeHistogram blocked;                              // in close()
  TimeHistogram drain;                                // from close() to the end, in the background

  [[nodiscard]] std::uint64_t count() const;  // closures
  void merge(const CloseCounts& other);
};

// Names a series: the bytes that a process calls itself, or that no process is known.
struct ProcessName {
  std::array<char, 16> comm{};
  bool known = false;

  [[nodiscard]] std::string_view bytes() const {
    return {comm.data(), ::strnlen(comm.data(), comm.size())};
  }
  friend bool operator==(const ProcessName&, const ProcessName&) = default;
};

ProcessName name_of(const Task& task);

struct ProcessNameHash {
  std::size_t operator()(const ProcessName& name) const {
    return std::hash<std::string_view>{}({name.comm.data(), name.comm.size()});
  }
};

struct SeriesLimits {
  std::size_t processes = 200;      // names with series of their own
  std::uint64_t idle_minutes = 60;  // without a closure, after which a name loses them

  friend bool operator==(const SeriesLimits&, const SeriesLimits&) = default;
};

struct ProcessSeries {
  ProcessName name;
  CloseCounts counts;
  std::uint64_t last_ns = 0;  // end of its last closure, CLOCK_BOOTTIME
};

// All that is counted, as one value to be copied.
struct SeriesState {
  std::vector<ProcessSeries> processes;                       // in no order
  CloseCounts other;                                          // closures of names beyond the limit
  CloseCounts expired;                                        // of names that lost their series
  std::uint64_t expired_names = 0;                            // how many these were
  std::array<std::uint64_t, kReasonCount> failed_attempts{};  // connections that never were
  std::uint64_t late_facts = 0;   // about closures that are no longer remembered
  std::uint64_t late_unread = 0;  // bytes in these
  std::uint64_t lost_records = 0;
  std::uint64_t gaps = 0;

  [[nodiscard]] CloseCounts host() const;  // everything together
};

class CloseSeries {
 public:
  explicit CloseSeries(SeriesLimits limits);

  void finding(const Finding& finding);
  // The network namespace (inode number) of the closure if its verdict changed.
  std::optional<std::uint32_t> correction(const Correction& correction);
  void gap(const Gap& gap);
  // Takes the series of those names away that were idle at `now_ns` (CLOCK_BOOTTIME).
  void expire(std::uint64_t now_ns);

  [[nodiscard]] const SeriesLimits& limits() const { return limits_; }
  [[nodiscard]] const SeriesState& state() const { return state_; }

 private:
  // What a late amendment needs to add to the counts.
  struct Counted {
    ProcessName process;
    std::uint32_t unread = 0;
    bool lost = false;
    bool attempt = false;  // never was a connection
    std::uint32_t netns = 0;
  };

  // Of this name; `other` when it is new and there is no room.
  CloseCounts& counts_of(const ProcessName& name, std::uint64_t time_ns);

  SeriesLimits limits_;
  SeriesState state_;
  std::unordered_map<ProcessName, std::size_t, ProcessNameHash> index_;  // into state_.processes
  RecentClosures<Counted> recent_;
};

}  // namespace closewatch
