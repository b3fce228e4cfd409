// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/close_series.h"

#include <algorithm>

namespace closewatch {
namespace {

constexpr std::size_t kRemembered = 16384;
constexpr std::uint64_t kMinuteNs = 60'000'000'000;

std::size_t place_of(const std::optional<Initiator>& initiator) {
  return initiator ? static_cast<std::size_t>(*initiator) : kInitiators - 1;
}

void count(CloseCounts& counts, const Closure& closure, const Verdict& verdict) {
  ++counts.closures[static_cast<std::size_t>(verdict.reason)][place_of(verdict.initiator)];
  counts.lossy += verdict.lost ? 1 : 0;
  counts.discarded += closure.discarded();
  counts.unread += closure.unread;
  if (verdict.blocked_us) {
    counts.blocked.record(*verdict.blocked_us);
  }
  if (verdict.drain_us) {
    counts.drain.record(*verdict.drain_us);
  }
}

}  // namespace

std::uint64_t CloseCounts::count() const {
  std::uint64_t sum = 0;
  for (const auto& of_reason : closures) {
    for (const std::uint64_t each : of_reason) {
      sum += each;
    }
  }
  return sum;
}

void CloseCounts::merge(const CloseCounts& other) {
  for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
    for (std::size_t initiator = 0; initiator < kInitiators; ++initiator) {
      closures[reason][initiator] += other.closures[reason][initiator];
    }
    amended[reason] += other.amended[reason];
  }
  lossy += other.lossy;
  discarded += other.discarded;
  unread += other.unread;
  blocked.merge(other.blocked);
  drain.merge(other.drain);
}

CloseCounts SeriesState::host() const {
  CloseCounts sum = other;
  sum.merge(expired);
  for (const ProcessSeries& process : processes) {
    sum.merge(process.counts);
  }
  return sum;
}

ProcessName name_of(const Task& task) {
  ProcessName name;
  if (task.known()) {
    name.known = true;
    const std::string_view comm = task.comm();
    std::copy(comm.begin(), comm.end(), name.comm.begin());
  }
  return name;
}

CloseSeries::CloseSeries(SeriesLimits limits) : limits_(limits), recent_(kRemembered) {
  state_.processes.reserve(limits_.processes);
  index_.reserve(limits_.processes);
}

CloseCounts& CloseSeries::counts_of(const ProcessName& name, std::uint64_t time_ns) {
  if (const auto found = index_.find(name); found != index_.end()) {
    ProcessSeries& series = state_.processes[found->second];
    series.last_ns = std::max(series.last_ns, time_ns);
    return series.counts;
  }
  if (state_.processes.size() >= limits_.processes) {
    return state_.other;
  }
  index_.emplace(name, state_.processes.size());
  return state_.processes.emplace_back(ProcessSeries{name, {}, time_ns}).counts;
}

void CloseSeries::finding(const Finding& finding) {
  const Closure& closure = finding.closure;
  const Verdict& verdict = finding.verdict;
  const ProcessName name = name_of(closure.process);
  const bool attempt = verdict.cls == Class::unestablished;
  recent_.remember(closure.id, {name, closure.unread, verdict.lost, attempt, closure.netns});
  if (attempt) {
    ++state_.failed_attempts[static_cast<std::size_t>(verdict.reason)];
    return;
  }
  count(counts_of(name, closure.end_ns), closure, verdict);
}

std::optional<std::uint32_t> CloseSeries::correction(const Correction& correction) {
  const Amendment& amendment = correction.amendment;
  if (amendment.unread == 0 && !correction.verdict) {
    return std::nullopt;  // it changes nothing that is counted
  }
  Counted* const counted = recent_.find(amendment.id);
  if (counted == nullptr) {
    ++state_.late_facts;
    state_.late_unread += amendment.unread;
    return std::nullopt;
  }
  if (counted->attempt) {
    return std::nullopt;
  }
  CloseCounts& counts = counts_of(counted->process, amendment.time_ns);
  if (amendment.unread > counted->unread) {
    counts.unread += amendment.unread - counted->unread;
    counts.lossy += counted->lost ? 0 : 1;
  }
  if (correction.verdict) {
    ++counts.amended[static_cast<std::size_t>(correction.verdict->reason)];
  }
  counted->lost = counted->lost || amendment.unread > 0;
  counted->unread = std::max(counted->unread, amendment.unread);
  return correction.verdict ? std::optional{counted->netns} : std::nullopt;
}

void CloseSeries::gap(const Gap& gap) {
  state_.lost_records += gap.lost_records;
  ++state_.gaps;
}

void CloseSeries::expire(std::uint64_t now_ns) {
  const std::uint64_t idle_ns = limits_.idle_minutes * kMinuteNs;
  const auto is_idle = [=](const ProcessSeries& series) {
    return series.last_ns < now_ns && now_ns - series.last_ns >= idle_ns;
  };
  for (const ProcessSeries& series : state_.processes) {
    if (is_idle(series)) {
      state_.expired.merge(series.counts);
    }
  }
  const auto names = std::erase_if(state_.processes, is_idle);
  if (names == 0) {
    return;
  }
  state_.expired_names += names;
  index_.clear();
  for (std::size_t at = 0; at < state_.processes.size(); ++at) {
    index_.emplace(state_.processes[at].name, at);
  }
}

}  // namespace closewatch
