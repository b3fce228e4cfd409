// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/close_families.h"

#include <array>

#include "userspace/metrics/process_label.h"

namespace closewatch {
namespace {

using ByReason = std::array<std::uint64_t, kReasonCount>;

Reason reason_at(std::size_t at) { return static_cast<Reason>(at); }

bool is_attempt(Reason reason) { return class_of(reason) == Class::unestablished; }

std::string_view initiator_at(std::size_t at) {
  return at + 1 < kInitiators ? name_of(static_cast<Initiator>(at)) : "unknown";
}

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.push_back({std::string{name}, std::string{value}});
  return labels;
}

Labels with_reason(const Labels& labels, Reason reason) {
  return with(with(labels, "class", name_of(class_of(reason))), "reason", name_of(reason));
}

// A series that was not there before it counted something shows no increase, so the host's are
// there from the start; of a process only those that occurred.
enum class Zeros { shown, left_out };

void add_closures(Family& family, const CloseCounts& counts, const Labels& labels, Zeros zeros) {
  for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
    for (std::size_t initiator = 0; initiator < kInitiators; ++initiator) {
      const std::uint64_t count = counts.closures[reason][initiator];
      if (count > 0 || (zeros == Zeros::shown && !is_attempt(reason_at(reason)))) {
        family.add(count, with(with_reason(labels, reason_at(reason)), "initiator",
                               initiator_at(initiator)));
      }
    }
  }
}

void add_reasons(Family& family, const ByReason& counts, const Labels& labels) {
  for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
    if (counts[reason] > 0) {
      family.add(counts[reason], with_reason(labels, reason_at(reason)));
    }
  }
}

void append_host(Families& families, const CloseCounts& host) {
  {
    Family family = Family::counters(families, "closewatch_closures_total",
                                     "TCP connections that ended on this host.");
    add_closures(family, host, {}, Zeros::shown);
  }
  {
    Family family = Family::counters(
        families, "closewatch_closures_amended_total",
        "Closures whose verdict a late fact changed, by the new one; still counted by the first.");
    family.add(host.amended[static_cast<std::size_t>(Reason::data_after_close)],
               with_reason({}, Reason::data_after_close));
    ByReason others = host.amended;
    others[static_cast<std::size_t>(Reason::data_after_close)] = 0;
    add_reasons(family, others, {});
  }
  Family::counters(families, "closewatch_closures_lossy_total",
                   "Closures that discarded bytes or left some unread.")
      .add(host.lossy);
  Family::counters(families, "closewatch_discarded_bytes_total",
                   "Bytes given to send() that were never acknowledged when the connection ended.")
      .add(host.discarded);
  Family::counters(families, "closewatch_unread_bytes_total",
                   "Received bytes that the application never read.")
      .add(host.unread);
  Family::histograms(families, "closewatch_close_blocked_seconds",
                     "How long close() kept its caller waiting, where that is known.")
      .add(host.blocked);
  Family::histograms(families, "closewatch_close_drain_seconds",
                     "From close() to the end of the connection in the background.")
      .add(host.drain);
}

// One family with a series for each process: `add` puts those of one into it.
template <typename Add>
void append_by_process(Family family, const SeriesState& state, Add add) {
  for (const ProcessSeries& process : state.processes) {
    add(family, process.counts, Labels{{"process", process_label(process.name)}});
  }
  add(family, state.other, Labels{{"process", std::string{kOtherProcesses}}});
}

void append_processes(Families& families, const SeriesState& state) {
  append_by_process(
      Family::counters(families, "closewatch_process_closures_total",
                       "TCP connections that ended, by the name of the process to tell."),
      state, [](Family& family, const CloseCounts& counts, const Labels& labels) {
        add_closures(family, counts, labels, Zeros::left_out);
      });
  append_by_process(
      Family::counters(
          families, "closewatch_process_closures_amended_total",
          "Closures whose verdict a late fact changed, by the new one and by process name."),
      state, [](Family& family, const CloseCounts& counts, const Labels& labels) {
        add_reasons(family, counts.amended, labels);
      });
  append_by_process(Family::counters(families, "closewatch_process_closures_lossy_total",
                                     "Closures that lost bytes, by process name."),
                    state, [](Family& family, const CloseCounts& counts, const Labels& labels) {
                      family.add(counts.lossy, labels);
                    });
  append_by_process(Family::counters(families, "closewatch_process_discarded_bytes_total",
                                     "Bytes discarded, by process name."),
                    state, [](Family& family, const CloseCounts& counts, const Labels& labels) {
                      family.add(counts.discarded, labels);
                    });
  append_by_process(Family::counters(families, "closewatch_process_unread_bytes_total",
                                     "Bytes left unread, by process name."),
                    state, [](Family& family, const CloseCounts& counts, const Labels& labels) {
                      family.add(counts.unread, labels);
                    });
  const auto add_times = [](const TimeHistogram CloseCounts::*times) {
    return [times](Family& family, const CloseCounts& counts, const Labels& labels) {
      if ((counts.*times).count() > 0) {
        family.add(counts.*times, labels);
      }
    };
  };
  append_by_process(
      Family::histograms(families, "closewatch_process_close_blocked_seconds",
                         "How long close() kept its caller waiting, by process name."),
      state, add_times(&CloseCounts::blocked));
  append_by_process(
      Family::histograms(families, "closewatch_process_close_drain_seconds",
                         "From close() to the end in the background, by process name."),
      state, add_times(&CloseCounts::drain));
}

}  // namespace

void append_close_families(Families& families, const SeriesState& state,
                           const SeriesLimits& limits) {
  append_host(families, state.host());
  append_processes(families, state);
  {
    Family family = Family::counters(families, "closewatch_failed_attempts_total",
                                     "Connections that were never established; not closures.");
    for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
      if (is_attempt(reason_at(reason))) {
        family.add(state.failed_attempts[reason], with({}, "reason", name_of(reason_at(reason))));
      }
    }
  }
  Family::gauges(families, "closewatch_processes", "Process names that have series of their own.")
      .add(std::uint64_t{state.processes.size()});
  Family::gauges(families, "closewatch_processes_limit",
                 "Process names that may have series of their own.")
      .add(std::uint64_t{limits.processes});
  Family::counters(families, "closewatch_processes_expired_total",
                   "Process names that lost their series because they were idle.")
      .add(state.expired_names);
  Family::counters(families, "closewatch_closures_folded_total",
                   "Closures counted under process=\"other\" because the limit was reached.")
      .add(state.other.count());
  Family::counters(families, "closewatch_late_facts_unplaced_total",
                   "Late facts about closures that were no longer remembered.")
      .add(state.late_facts);
  Family::counters(families, "closewatch_late_facts_unplaced_unread_bytes_total",
                   "Unread bytes that these told of; in no other count.")
      .add(state.late_unread);
  Family::counters(families, "closewatch_lost_records_total",
                   "Records that never arrived: closures that are in no other closewatch_closures "
                   "or closewatch_process count.")
      .add(state.lost_records);
  Family::counters(families, "closewatch_gaps_total", "Times that records were lost.")
      .add(state.gaps);
}

}  // namespace closewatch
