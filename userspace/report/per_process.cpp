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

// What the kernel counted elsewhere, but findings tell better, must not be counted twice.
void take_away(ProcessTotals& sum, const ProcessTotals& told_better) {
  sum.closures -= std::min(sum.closures, told_better.closures);
  sum.discarded -= std::min(sum.discarded, told_better.discarded);
  sum.unread -= std::min(sum.unread, told_better.unread);
}

ProcessTotals totals_of(const CloseTally& tally) {
  return {.closures = tally.closures(), .discarded = tally.discarded, .unread = tally.unread};
}

bool is_harmed(bool lost, Class cls) {
  return lost || cls == Class::abortive || cls == Class::timed_out;
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

// A peer that was folded and came back has a part of what is told of it here, the rest there.
void PerProcess::take_harm(ProcessReport& report, PeerTally harm) {
  const auto take = [](std::uint64_t& from, std::uint64_t& left) {
    const std::uint64_t part = std::min(from, left);
    from -= part;
    left -= part;
  };
  const auto take_from = [&](PeerTally& sum) {
    take(sum.closures, harm.closures);
    take(sum.abortive, harm.abortive);
    take(sum.bytes_lost, harm.bytes_lost);
  };
  std::vector<PeerTally>& peers = report.peers;
  const auto found = std::find_if(peers.begin(), peers.end(), [&harm](const PeerTally& peer) {
    return peer.address == harm.address;
  });
  if (found != peers.end()) {
    take_from(*found);
    if (found->closures == 0) {
      peers.erase(found);
    }
  }
  take_from(report.other_peers);
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
  const Counted counted{.process = &report,
                        .peer = closure.peer.address,
                        .discarded = closure.discarded(),
                        .unread = closure.unread,
                        .lost = verdict.lost,
                        .cls = verdict.cls,
                        .reason = verdict.reason};
  if (is_harmed(counted.lost, counted.cls)) {
    add_harm(report, harm_of(counted));
  }
  recent_.remember(closure.id, counted);
}

PeerTally PerProcess::harm_of(const Counted& counted) {
  return {counted.peer, 1, counted.cls == Class::abortive ? 1U : 0U,
          counted.discarded + counted.unread};
}

void PerProcess::move(Counted& counted, ProcessReport& to) const {
  ProcessReport& from = *counted.process;
  const auto move = [&](std::uint64_t CloseTally::*count, std::uint64_t value) {
    from.tally.*count -= value;
    to.tally.*count += value;
  };
  --counter(from.tally.classes, counted.cls);
  ++counter(to.tally.classes, counted.cls);
  --counter(from.tally.reasons, counted.reason);
  ++counter(to.tally.reasons, counted.reason);
  move(&CloseTally::lost_closures, counted.lost ? 1 : 0);
  move(&CloseTally::discarded, counted.discarded);
  move(&CloseTally::unread, counted.unread);
  if (is_harmed(counted.lost, counted.cls)) {
    take_harm(from, harm_of(counted));
    add_harm(to, harm_of(counted));
  }
  counted.process = &to;
}

void PerProcess::correction(const Correction& correction) {
  const Amendment& amendment = correction.amendment;
  Counted* const counted = recent_.find(amendment.id);
  if (counted == nullptr) {
    ++losses_.late_facts;
    losses_.late_unread += amendment.unread;
    return;
  }
  const bool named = amendment.process.known() && !counted->process->process.known() &&
                     counted->process != &other_;
  if (named) {
    move(*counted, report_of(amendment.process, correction.process));
  }
  CloseTally& tally = counted->process->tally;
  PeerTally harm{counted->peer, 0, 0, 0};
  const bool was_harmed = is_harmed(counted->lost, counted->cls);
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
  if (named) {
    add(counted->process->named_late, {.closures = counted->cls != Class::unestablished ? 1U : 0U,
                                       .discarded = counted->discarded,
                                       .unread = counted->unread});
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
  for (const ProcessTotals& each : postponed_) {
    add(report_of(each.process, {}).exact, each);
  }
  ProcessTotals not_told_apart;
  for (const ProcessTotals& each : totals) {
    if (each.other) {
      add(not_told_apart, each);
    } else {
      add(report_of(each.process, {}).exact, each);
    }
  }
  const bool all_told_apart = not_told_apart.closures == 0 && not_told_apart.unread == 0;
  // What the kernel counted as nobody's goes to where its process is counted.
  const auto unknown = index_.find(Identity{});
  ProcessTotals& nobodys =
      unknown != index_.end() && unknown->second->exact ? *unknown->second->exact : not_told_apart;
  const auto give = [&](ProcessReport& report) {
    take_away(nobodys, report.named_late);
    if (report.exact || all_told_apart) {
      add(report.exact, report.named_late);
    } else {
      add(not_told_apart, report.named_late);
    }
  };
  for (ProcessReport& report : processes_) {
    if (report.named_late.closures > 0) {
      give(report);
    }
  }
  if (other_.named_late.closures > 0) {
    give(other_);
  }
  if (!all_told_apart) {
    for (const ProcessReport& report : processes_) {
      if (!report.exact) {
        take_away(not_told_apart, totals_of(report.tally));
      }
    }
    add(other_.exact, not_told_apart);
  }
}

void PerProcess::postpone_unread() {
  postponed_.clear();
  for (ProcessReport& report : processes_) {
    const std::uint64_t told = report.tally.closures() + (report.exact ? report.exact->lost : 0);
    if (!report.exact || report.exact->closures <= told) {
      continue;
    }
    ProcessTotals rest{.process = report.process, .closures = report.exact->closures - told};
    if (report.exact->lost == 0) {  // else their bytes are not told apart from those of the lost
      rest.discarded =
          report.exact->discarded - std::min(report.exact->discarded, report.tally.discarded);
      rest.unread = report.exact->unread - std::min(report.exact->unread, report.tally.unread);
    }
    take_away(*report.exact, rest);
    postponed_.push_back(rest);
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
