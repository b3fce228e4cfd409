// SPDX-License-Identifier: Apache-2.0
// How each process closes its connections: a sink that counts findings by process identity (pid and
// start time) in bounded memory. What does not fit is folded into one "other" and counted, never
// dropped. The kernel's own totals, which stay exact when records are lost, can be laid beside the
// counts. Counts that were made elsewhere, of other groups too, can be added.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/recent_closures.h"
#include "userspace/record/kernel_counts.h"
#include "userspace/report/grouping.h"
#include "userspace/report/histogram.h"

namespace closewatch {

// Closures with one peer that lost data, were abortive or timed out.
struct PeerTally {
  std::array<std::uint8_t, 16> address{};  // the first one of a network
  std::uint64_t closures = 0;
  std::uint64_t abortive = 0;
  std::uint64_t bytes_lost = 0;  // discarded + unread
  bool network = false;          // a /24 of IPv4 or /64 of IPv6 and not one address
};

// What is counted of a set of closures.
struct CloseTally {
  std::array<std::uint64_t, kClassCount> classes{};
  std::array<std::uint64_t, kReasonCount> reasons{};
  std::uint64_t lost_closures = 0;  // that lost data
  std::uint64_t discarded = 0;      // bytes
  std::uint64_t unread = 0;         // bytes
  std::uint64_t late_resets = 0;    // data reached the timewait socket and was answered with RST
  Histogram blocked_us;             // in close()
  Histogram drain_us;               // from close() to the end, in the background

  [[nodiscard]] std::uint64_t of(Class cls) const { return classes[static_cast<std::size_t>(cls)]; }
  [[nodiscard]] std::uint64_t of(Reason reason) const {
    return reasons[static_cast<std::size_t>(reason)];
  }
  // Closures counted: all but the connections that never were.
  [[nodiscard]] std::uint64_t closures() const;
  [[nodiscard]] std::uint64_t bytes_lost() const { return discarded + unread; }
  void merge(const CloseTally& other);
};

struct ProcessReport {
  Task process;  // of the first closure seen; not known where it is not one process
  std::optional<std::string> group;  // name of what the counts are of, when no process; raw bytes
  ProcessDetails details;
  CloseTally tally;
  std::vector<PeerTally> peers;  // in no order
  PeerTally other_peers;         // those folded away; no address
  std::optional<ProcessTotals> exact;
  // Of the counts, what the kernel's totals have as nobody's: whose it is was known only later.
  ProcessTotals named_late = {};

  // Exact where the kernel's totals are known, also when records were lost.
  [[nodiscard]] std::uint64_t closures() const;
  [[nodiscard]] std::uint64_t discarded() const;
  [[nodiscard]] std::uint64_t unread() const;
  // Closures whose record did not reach the counts of classes and reasons.
  [[nodiscard]] std::uint64_t not_classified() const { return closures() - tally.closures(); }
};

// What else a history did not keep, of one kind.
struct NotKept {
  std::string kind;
  std::int64_t since_unix_ns = 0;  // of the first
  std::int64_t until_unix_ns = 0;  // of the last
  std::uint64_t events = 0;
  std::optional<std::uint64_t> records = {};  // closures; nullopt: how many is unknown
  std::string note = {};                      // of the last; raw bytes
};

struct ReportLosses {
  std::uint64_t records = 0;
  std::uint64_t gaps = 0;
  std::int64_t since_unix_ns = 0;  // of the first gap
  // Late facts about closures that are no longer remembered, or never were given to this sink.
  std::uint64_t late_facts = 0;
  std::uint64_t late_unread = 0;       // bytes in these
  std::vector<NotKept> not_kept = {};  // of a history, a kind once
};

struct ReportLimits {
  std::size_t processes = 4096;
  std::size_t peers = 32;  // per process; when full, the least harmed one is folded
};

class PerProcess final : public Sink {
 public:
  explicit PerProcess(ReportLimits limits = {}, Grouping grouping = Grouping::process);
  PerProcess(const PerProcess&) = delete;
  PerProcess& operator=(const PerProcess&) = delete;

  void finding(const Finding& finding) override;
  void correction(const Correction& correction) override;
  void gap(const Gap& gap) override;
  void flush() override {}

  // The kernel's totals of the time that the counts cover; replaces what was set before. Without
  // filters only: the counts are then a part of the totals.
  void set_totals(std::span<const ProcessTotals> totals);
  // Between set_totals() and clear(), when another interval follows: closures that the kernel has
  // counted and not lost, but whose records are still under way, belong to the next totals.
  void postpone_unread();

  // Counts that were made elsewhere, of a process or group that is not here yet. Those that come
  // first keep a place of their own.
  void take(ProcessReport report);
  void take_other(const CloseTally& tally) { other_.tally.merge(tally); }
  void take_losses(const ReportLosses& losses);

  // Starts again from nothing, for the next interval.
  void clear();

  [[nodiscard]] Grouping grouping() const { return grouping_; }
  [[nodiscard]] const std::deque<ProcessReport>& processes() const { return processes_; }
  // Processes beyond the limit, together. Its `process` is not known.
  [[nodiscard]] const ProcessReport& other() const { return other_; }
  [[nodiscard]] const ReportLosses& losses() const { return losses_; }
  // Everything together, with the exact totals where there are any; its `process` is not known.
  [[nodiscard]] ProcessReport all() const;

 private:
  struct Identity {
    std::uint32_t pid;
    std::uint64_t start_ns;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct IdentityHash {
    std::size_t operator()(const Identity& identity) const {
      return (identity.start_ns ^ identity.pid) * 0x9e3779b97f4a7c15ULL;
    }
  };
  // What a late amendment needs to correct the counts.
  struct Counted {
    ProcessReport* process = nullptr;
    std::array<std::uint8_t, 16> peer{};
    std::uint64_t discarded = 0;
    std::uint32_t unread = 0;
    bool lost = false;
    Class cls = Class::unknown;
    Reason reason = Reason::unknown;
  };

  // The process's report; `other_` when it is new and the limit is reached.
  ProcessReport& report_of(const Task& process, const ProcessDetails& details);
  // What a closure adds to the peers of its process.
  static PeerTally harm_of(const Counted& counted);
  void add_harm(ProcessReport& report, const PeerTally& harm) const;
  static void take_harm(ProcessReport& report, PeerTally harm);
  // Its counts, but for its times, go from one report to another.
  void move(Counted& counted, ProcessReport& to) const;

  ReportLimits limits_;
  Grouping grouping_;
  std::unordered_map<Identity, ProcessReport*, IdentityHash> index_;
  std::deque<ProcessReport> processes_;  // addresses stay
  ProcessReport other_;
  ReportLosses losses_;
  RecentClosures<Counted> recent_;
  std::vector<ProcessTotals> postponed_;
};

}  // namespace closewatch
