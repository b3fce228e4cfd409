// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/reading_families.h"

#include <array>

#include "userspace/metrics/process_label.h"

namespace closewatch {
namespace {

struct KernelCount {
  std::string_view name;
  std::string_view help;
  std::uint64_t KernelCounters::*count;
};

constexpr std::array kKernelCounts{
    KernelCount{"closewatch_kernel_connections_begun_total",
                "Connections and attempts that the ledger took up.", &KernelCounters::begun},
    KernelCount{"closewatch_kernel_failed_attempts_total",
                "Connections that were never established.", &KernelCounters::unestablished},
    KernelCount{"closewatch_kernel_failed_attempts_lost_total",
                "Of these, wanted but not carried to userspace.",
                &KernelCounters::unestablished_lost},
    KernelCount{"closewatch_kernel_totals_folded_total",
                "Closures whose process had no room in the kernel's exact totals.",
                &KernelCounters::totals_folded},
    KernelCount{"closewatch_kernel_ledger_refused_total",
                "Ledger entries that could not be made; the next event tries again.",
                &KernelCounters::ledger_refused},
    KernelCount{"closewatch_kernel_ends_recovered_total",
                "Ends that no hook saw, told at the release of the socket.",
                &KernelCounters::ends_recovered},
    KernelCount{"closewatch_kernel_stacks_lost_total",
                "Stacks of recorded closures for which there was no room.",
                &KernelCounters::stacks_lost},
    KernelCount{"closewatch_kernel_holders_refused_total",
                "Sockets open at the start whose holder found no room.",
                &KernelCounters::holders_refused},
    KernelCount{"closewatch_kernel_resets_without_socket_total",
                "RST answers to segments of no socket (Linux 6.10 and later).",
                &KernelCounters::rst_no_socket},
    KernelCount{"closewatch_kernel_wakeups_total", "Times that the reader was woken.",
                &KernelCounters::wakeups},
    KernelCount{"closewatch_kernel_runs_missed_total",
                "Runs that the kernel left out because a program was interrupted by itself.",
                &KernelCounters::missed_runs},
    KernelCount{"closewatch_kernel_runs_made_up_total",
                "Of these, at least so many that the next program did.",
                &KernelCounters::made_up_runs},
};

void append_kernel(Families& families, const KernelCounters& kernel) {
  {
    Family family = Family::counters(families, "closewatch_kernel_ends_total",
                                     "Established connections that ended, by what became of the "
                                     "record; exact also when records are lost.");
    family.add(kernel.recorded, {{"outcome", "recorded"}});
    family.add(kernel.filtered, {{"outcome", "filtered"}});
    family.add(kernel.lost_ring, {{"outcome", "lost_ring"}});
    family.add(kernel.lost_ledger, {{"outcome", "lost_ledger"}});
  }
  {
    Family family = Family::counters(families, "closewatch_kernel_amendments_total",
                                     "Late facts, by what became of the record.");
    family.add(kernel.amended, {{"outcome", "recorded"}});
    family.add(kernel.amended_lost, {{"outcome", "lost_ring"}});
  }
  for (const KernelCount& each : kKernelCounts) {
    Family::counters(families, each.name, each.help).add(kernel.*each.count);
  }
  Family::gauges(families, "closewatch_kernel_connections_open",
                 "Connections in the ledger that have not ended.")
      .add(kernel.open);
  Family::gauges(families, "closewatch_kernel_connections_unseen",
                 "At least so many connections ended without any program being run.")
      .add(kernel.unseen);
}

void append_pipeline(Families& families, const PipelineCounts& pipeline) {
  {
    Family family = Family::counters(families, "closewatch_pipeline_records_total",
                                     "Records taken from the kernel side, by what became of them.");
    family.add(pipeline.given, {{"outcome", "given"}});
    family.add(pipeline.deselected, {{"outcome", "deselected"}});
    family.add(pipeline.amendments, {{"outcome", "amendment"}});
    family.add(pipeline.rejected, {{"outcome", "rejected"}});
  }
  Family::counters(families, "closewatch_pipeline_held_early_total",
                   "Closures that could not wait for what followed them: too many did.")
      .add(pipeline.held_early);
  Family::counters(families, "closewatch_pipeline_unknown_total",
                   "Closures that no rule matched: a bug.")
      .add(pipeline.unknown);
}

void append_pending(Families& families, const PendingReading& pending) {
  {
    Family family = Family::gauges(families, "closewatch_pending_closes",
                                   "Closes that still run in the background, by TCP state, in the "
                                   "network namespace of closewatch.");
    family.add(pending.fin_wait1, {{"state", "FIN_WAIT1"}});
    family.add(pending.fin_wait2, {{"state", "FIN_WAIT2"}});
    family.add(pending.closing, {{"state", "CLOSING"}});
    family.add(pending.last_ack, {{"state", "LAST_ACK"}});
    family.add(pending.other_states, {{"state", "other"}});
  }
  {
    Family family = Family::gauges(families, "closewatch_pending_bytes",
                                   "Bytes that these have not brought to the peer yet.");
    family.add(pending.unacked, {{"kind", "unacked"}});
    family.add(pending.never_sent, {{"kind", "never_sent"}});
  }
  Family::gauges(families, "closewatch_pending_oldest_seconds",
                 "Time since the close() of the oldest of these.")
      .add_ns(pending.oldest_ns);
}

// One family with a series for each element of `all`.
template <typename Range, typename Value>
void append_each(Family family, std::string_view label, const Range& all,
                 std::string Range::value_type::*name, Value value) {
  for (const auto& each : all) {
    family.add(value(each), {{std::string{label}, label_text(each.*name)}});
  }
}

void append_sinks(Families& families, const std::vector<SinkReading>& sinks) {
  const auto append = [&](Family family, auto value) {
    append_each(family, "sink", sinks, &SinkReading::sink, value);
  };
  append(Family::counters(families, "closewatch_sink_taken_total", "What a sink's queue took."),
         [](const SinkReading& sink) { return sink.taken; });
  append(Family::counters(families, "closewatch_sink_refused_total",
                          "What a sink did not get: its queue was full."),
         [](const SinkReading& sink) { return sink.refused; });
  append(Family::counters(families, "closewatch_sink_failed_total",
                          "What a sink took and could not bring home."),
         [](const SinkReading& sink) { return sink.failed; });
  append(Family::gauges(families, "closewatch_sink_queued", "What waits in a sink's queue."),
         [](const SinkReading& sink) { return std::uint64_t{sink.queued}; });
  append(Family::gauges(families, "closewatch_sink_queue_limit", "What a sink's queue holds."),
         [](const SinkReading& sink) { return std::uint64_t{sink.limit}; });
}

void append_history(Families& families, const HistoryReading& history) {
  Family::gauges(families, "closewatch_history_unchecked",
                 "1 after a run that was killed, until the whole history has been found sound.")
      .add(std::uint64_t{history.unchecked});
  Family::counters(families, "closewatch_history_set_aside_total",
                   "Files of the history that were found damaged and renamed.")
      .add(history.set_aside);
  Family::gauges(families, "closewatch_history_bytes",
                 "Bytes of the file of the history that hold something.")
      .add(history.bytes);
  Family::gauges(families, "closewatch_history_log_bytes",
                 "Bytes of the write-ahead log beside the file of the history.")
      .add(history.log_bytes);
}

void append_programs(Families& families, const std::vector<ProgramReading>& programs) {
  const auto seconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e9; };
  const auto append = [&](Family family, auto value) {
    append_each(family, "program", programs, &ProgramReading::program, value);
  };
  append(Family::counters(families, "closewatch_bpf_run_seconds_total",
                          "Time spent in a BPF program, while kernel.bpf_stats_enabled is 1."),
         [=](const ProgramReading& program) { return seconds(program.run_ns); });
  append(Family::counters(families, "closewatch_bpf_runs_total",
                          "Runs of a BPF program, while kernel.bpf_stats_enabled is 1."),
         [](const ProgramReading& program) { return program.runs; });
  append(Family::counters(families, "closewatch_bpf_missed_runs_total",
                          "Runs of a BPF program that the kernel left out."),
         [](const ProgramReading& program) { return program.missed; });
}

// By namespace and kind of end.
template <typename Value>
void append_ends(Family family, const std::vector<NamespaceCoverage>& coverage, Value value) {
  for (const NamespaceCoverage& each : coverage) {
    for (std::size_t at = 0; at < kCountedEnds; ++at) {
      const auto end = static_cast<CountedEnd>(at);
      family.add(value(each, end),
                 {{"netns", label_text(each.name)}, {"end", std::string{name_of(end)}}});
    }
  }
}

}  // namespace

void append_build_family(Families& families, const BuildInfo& build) {
  Family::gauges(families, "closewatch_build_info", "Version, and the hook set that runs.")
      .add(std::uint64_t{1},
           {{"version", label_text(build.version)}, {"hooks", label_text(build.hooks)}});
}

void append_reading_families(Families& families, const Readings& readings) {
  Family::gauges(families, "closewatch_readings_timestamp_seconds",
                 "When the numbers of the other stages on this page were read.")
      .add(static_cast<double>(readings.unix_ns) / 1e9);
  Family::gauges(families, "closewatch_degradations",
                 "Hooks that do not run although they were wanted; closewatch doctor names them.")
      .add(std::uint64_t{readings.degradations});
  append_kernel(families, readings.kernel);
  append_pipeline(families, readings.pipeline);
  if (readings.pending) {
    append_pending(families, *readings.pending);
  }
  append_sinks(families, readings.sinks);
  if (readings.history) {
    append_history(families, *readings.history);
  }
  append_programs(families, readings.programs);
}

void append_coverage_families(Families& families, const std::vector<NamespaceCoverage>& coverage) {
  append_ends(Family::counters(
                  families, "closewatch_coverage_kernel_ends_total",
                  "Ends by the kernel's own counters since they were first read, failed attempts "
                  "included, in the network namespace of closewatch; absent with filters."),
              coverage,
              [](const NamespaceCoverage& each, CountedEnd end) { return each.kernel(end); });
  append_ends(Family::counters(families, "closewatch_coverage_seen_ends_total",
                               "Closures of the same kind that closewatch saw since then."),
              coverage,
              [](const NamespaceCoverage& each, CountedEnd end) { return each.saw(end); });
}

}  // namespace closewatch
