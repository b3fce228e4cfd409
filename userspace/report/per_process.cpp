// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/per_process.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "userspace/report/ranking.h"

namespace closewatch {
namespace {

constexpr std::size_t kRemembered = 16384;

template <std::size_t Size>
void add(std::array<std::uint64_t, Size>& sum, const std::array<std::uint64_t, Size>& other) {
  std::transform(sum.begin(), sum.end(), other.begin(), sum.begin(), std::plus<>{});
}

void add(PeerTally& sum, const PeerTally& other) {
  sum.closures += other.closures;
  sum.abortive += other.abortive;
  sum.bytes_lost += other.bytes_lost;
}

void add(ProcessTotals& sum, const ProcessTotals& other) {
  sum.closures += other.closures;
  sum.lost += other.lost;
  sum.discarded += other.discarded;
  sum.unread += other.unread;
}

void add(std::optional<ProcessTotals>& sum, const ProcessTotals& other) {
  if (!sum) {
    sum.emplace();
  }
  add(*sum, other);
}

// What the kernel could not tell apart, but findings do, must not be counted twice.
void take_away(ProcessTotals& others, const CloseTally& told_apart) {
  others.closures -= std::min(others.closures, told_apart.closures());
  others.discarded -= std::min(others.discarded, told_apart.discarded);
  others.unread -= std::min(others.unread, told_apart.unread);
}

bool is_harmed(const Verdict& verdict) {
  return verdict.lost || verdict.cls == Class::abortive || verdict.cls == Class::timed_out;
}

template <typename Name, std::size_t Size>
std::uint64_t& counter(std::array<std::uint64_t, Size>& counters, Name name) {
  return counters[static_cast<std::size_t>(name)];
}

}  // namespace

std::uint64_t CloseTally::closures() const {
  return std::accumulate(classes.begin(), classes.end(), std::uint64_t{0}) -
         of(Class::unestablished);
}

void CloseTally::merge(const CloseTally& other) {
  add(classes, other.classes);
  add(reasons, other.reasons);
  lost_closures += other.lost_closures;
  discarded += other.discarded;
  unread += other.unread;
  late_resets += other.late_resets;
  blocked_us.merge(other.blocked_us);
  drain_us.merge(other.drain_us);
}

std::uint64_t ProcessReport::closures() const {
  return std::max(exact ? exact->closures : 0, tally.closures());
}

std::uint64_t ProcessReport::discarded() const {
  return std::max(exact ? exact->discarded : 0, tally.discarded);
}

std::uint64_t ProcessReport::unread() const {
  return std::max(exact ? exact->unread : 0, tally.unread);
}

PerProcess::PerProcess(ReportLimits limits, Grouping grouping)
    : limits_(limits), grouping_(grouping), recent_(kRemembered) {
  index_.reserve(limits_.processes);
}

ProcessReport& PerProcess::report_of(const Task& process, const ProcessDetails& details) {
  const Identity identity{process.pid, process.start_ns};
  if (const auto found = index_.find(identity); found != index_.end()) {
    return *found->second;
  }
  if (processes_.size() >= limits_.processes) {
    return other_;
  }
  ProcessReport& report = processes_.emplace_back();
  report.process = process;
  report.details = details;
  index_.emplace(identity, &report);
  return report;
}

void PerProcess::add_harm(ProcessReport& report, const PeerTally& harm) const {
  std::vector<PeerTally>& peers = report.peers;
  const auto found = std::find_if(peers.begin(), peers.end(), [&harm](const PeerTally& peer) {
    return peer.address == harm.address;
  });
  if (found != peers.end()) {
    add(*found, harm);
  } else if (peers.size() < limits_.peers) {
    peers.push_back(harm);
  } else {
    const auto least =
        std::min_element(peers.begin(), peers.end(), [](const PeerTally& a, const PeerTally& b) {
          return std::tie(a.bytes_lost, a.abortive) < std::tie(b.bytes_lost, b.abortive);
        });
    add(report.other_peers, *least);
    *least = harm;
  }
}

void PerProcess::finding(const Finding& finding) {
  const Closure& closure = finding.closure;
  const Verdict& verdict = finding.verdict;
  ProcessReport& report = report_of(closure.process, finding.process);
  CloseTally& tally = report.tally;
  ++counter(tally.classes, verdict.cls);
  ++counter(tally.reasons, verdict.reason);
  tally.lost_closures += verdict.lost ? 1 : 0;
  tally.discarded += closure.discarded();
  tally.unread += closure.unread;
  tally.late_resets += closure.facts.late_data_reset ? 1 : 0;
  if (verdict.blocked_us) {
    tally.blocked_us.record(*verdict.blocked_us);
  }
  if (verdict.drain_us) {
    tally.drain_us.record(*verdict.drain_us);
  }
  if (is_harmed(verdict)) {
    add_harm(report, {closure.peer.address, 1, verdict.cls == Class::abortive ? 1U : 0U,
                      closure.discarded() + closure.unread});
  }
  recent_.remember(closure.id, {&report, closure.peer.address, closure.unread, verdict.lost,
                                verdict.cls, verdict.reason});
}

void PerProcess::correction(const Correction& correction) {
  const Amendment& amendment = correction.amendment;
  Counted* const counted = recent_.find(amendment.id);
  if (counted == nullptr) {
    ++losses_.late_facts;
    losses_.late_unread += amendment.unread;
    return;
  }
  CloseTally& tally = counted->process->tally;
  PeerTally harm{counted->peer, 0, 0, 0};
  const bool was_harmed =
      counted->lost || counted->cls == Class::abortive || counted->cls == Class::timed_out;
  tally.late_resets += amendment.facts.late_data_reset ? 1 : 0;
  if (amendment.unread > counted->unread) {
    const std::uint32_t more = amendment.unread - counted->unread;
    tally.unread += more;
    tally.lost_closures += counted->lost ? 0 : 1;
    harm.bytes_lost = more;
    counted->unread = amendment.unread;
    counted->lost = true;
  }
  if (const auto& verdict = correction.verdict) {
    --counter(tally.classes, counted->cls);
    --counter(tally.reasons, counted->reason);
    ++counter(tally.classes, verdict->cls);
    ++counter(tally.reasons, verdict->reason);
    harm.abortive = verdict->cls == Class::abortive && counted->cls != Class::abortive ? 1 : 0;
    counted->cls = verdict->cls;
    counted->reason = verdict->reason;
  }
  harm.closures = was_harmed ? 0 : 1;
  if (harm.bytes_lost > 0 || harm.abortive > 0) {
    add_harm(*counted->process, harm);
  }
}

void PerProcess::gap(const Gap& gap) {
  losses_.since_unix_ns = losses_.gaps == 0 ? gap.since_unix_ns : losses_.since_unix_ns;
  losses_.records += gap.lost_records;
  ++losses_.gaps;
}

void PerProcess::set_totals(std::span<const ProcessTotals> totals) {
  for (ProcessReport& report : processes_) {
    report.exact.reset();
  }
  other_.exact.reset();
  ProcessTotals not_told_apart;
  for (const ProcessTotals& each : totals) {
    if (each.other) {
      add(not_told_apart, each);
    } else {
      add(report_of(each.process, {}).exact, each);
    }
  }
  if (not_told_apart.closures > 0 || not_told_apart.unread > 0) {
    for (const ProcessReport& report : processes_) {
      if (!report.exact) {
        take_away(not_told_apart, report.tally);
      }
    }
    add(other_.exact, not_told_apart);
  }
}

void PerProcess::take(ProcessReport report) {
  if (processes_.size() >= limits_.processes) {
    other_.tally.merge(report.tally);
    add(other_.other_peers, report.other_peers);
    std::for_each(report.peers.begin(), report.peers.end(),
                  [this](const PeerTally& peer) { add(other_.other_peers, peer); });
    return;
  }
  ProcessReport& added = processes_.emplace_back(std::move(report));
  if (grouping_ == Grouping::process) {
    index_.emplace(Identity{added.process.pid, added.process.start_ns}, &added);
  }
  const std::vector<PeerTally> peers = worst_peers(added);
  const std::size_t kept = std::min(peers.size(), limits_.peers);
  added.peers.assign(peers.begin(), peers.begin() + static_cast<std::ptrdiff_t>(kept));
  std::for_each(peers.begin() + static_cast<std::ptrdiff_t>(kept), peers.end(),
                [&added](const PeerTally& peer) { add(added.other_peers, peer); });
}

void PerProcess::take_losses(const ReportLosses& losses) {
  if (losses.gaps > 0 && (losses_.gaps == 0 || losses.since_unix_ns < losses_.since_unix_ns)) {
    losses_.since_unix_ns = losses.since_unix_ns;
  }
  losses_.records += losses.records;
  losses_.gaps += losses.gaps;
  losses_.late_facts += losses.late_facts;
  losses_.late_unread += losses.late_unread;
  losses_.not_kept.insert(losses_.not_kept.end(), losses.not_kept.begin(), losses.not_kept.end());
}

void PerProcess::clear() {
  index_.clear();
  processes_.clear();
  other_ = {};
  losses_ = {};
  recent_ = RecentClosures<Counted>(kRemembered);
}

ProcessReport PerProcess::all() const {
  ProcessReport sum;
  sum.tally = other_.tally;
  for (const ProcessReport& report : processes_) {
    sum.tally.merge(report.tally);
  }
  const auto has_exact = [](const ProcessReport& report) { return report.exact.has_value(); };
  if (std::any_of(processes_.begin(), processes_.end(), has_exact) || has_exact(other_)) {
    const auto add_effective = [&sum](const ProcessReport& report) {
      ProcessTotals effective;
      effective.closures = report.closures();
      effective.lost = report.exact ? report.exact->lost : 0;
      effective.discarded = report.discarded();
      effective.unread = report.unread();
      add(sum.exact, effective);
    };
    std::for_each(processes_.begin(), processes_.end(), add_effective);
    add_effective(other_);
  }
  return sum;
}

}  // namespace closewatch
