// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_csv.h"

#include "userspace/render/csv_row.h"
#include "userspace/report/ranking.h"

namespace closewatch {
namespace {

template <typename Name>
void put_titles(CsvRow& row, std::string_view prefix, std::size_t count) {
  for (std::size_t index = 0; index < count; ++index) {
    TextBuffer& out = row.cell();
    append(out, prefix);
    append(out, name_of(static_cast<Name>(index)));
  }
}

void put_histogram(CsvRow& row, const Histogram& histogram) {
  row.number(histogram.count());
  if (histogram.count() == 0) {
    row.skip(3);
    return;
  }
  row.number(histogram.quantile(0.5));
  row.number(histogram.quantile(0.99));
  row.number(histogram.max());
}

void put_worst_peer(CsvRow& row, const ProcessReport& report) {
  const std::vector<PeerTally> peers = worst_peers(report);
  if (peers.empty()) {
    row.skip(3);
    return;
  }
  append_peer(row.cell(), peers.front());
  row.number(peers.front().bytes_lost);
  row.number(peers.front().abortive);
}

void put_process(CsvRow& row, const ProcessReport& report) {
  if (!report.process.known()) {
    row.skip(7);
    return;
  }
  row.number(report.process.pid);
  row.text(report.process.comm());
  row.number(report.process.uid);
  row.time(report.details.start_unix_ns);
  row.optional_text(report.details.exe);
  row.optional_text(report.details.cgroup);
  row.optional_text(report.details.container);
}

void write_row(Output& output, std::string_view record, const ReportSpan& span,
               const ProcessReport& report, std::optional<std::uint64_t> lost_records) {
  const CloseTally& tally = report.tally;
  CsvRow row(output);
  row.name(record);
  row.time(span.from_unix_ns);
  row.time(span.to_unix_ns);
  put_process(row, report);
  row.number(report.closures());
  row.number(report.not_classified());
  row.number(lost_records);
  row.number(tally.lost_closures);
  row.number(report.discarded());
  row.number(report.unread());
  for (const std::uint64_t count : tally.classes) {
    row.number(count);
  }
  for (const std::uint64_t count : tally.reasons) {
    row.number(count);
  }
  row.number(tally.late_resets);
  put_histogram(row, tally.blocked_us);
  put_histogram(row, tally.drain_us);
  put_worst_peer(row, report);
  row.optional_text(report.group);
  row.end();
}

std::optional<std::uint64_t> lost_records_of(const ProcessReport& report) {
  return report.exact ? std::optional{report.exact->lost} : std::nullopt;
}

}  // namespace

void write_report_csv_header(Output& output) {
  CsvRow row(output);
  row.name(
      "record,from,to,pid,comm,uid,start_time,exe,cgroup,container,"
      "closures,not_classified,lost_records,lost_closures,discarded,unread");
  put_titles<Class>(row, "class_", kClassCount);
  put_titles<Reason>(row, "reason_", kReasonCount);
  row.name(
      "late_resets,blocked_count,blocked_p50_us,blocked_p99_us,blocked_max_us,"
      "drain_count,drain_p50_us,drain_p99_us,drain_max_us,"
      "worst_peer,worst_peer_bytes_lost,worst_peer_abortive,group");
  row.end();
}

void write_report_csv(Output& output, const PerProcess& processes, const ReportSpan& span) {
  write_row(output, "total", span, processes.all(), processes.losses().records);
  for (const ProcessReport* report : worst_first(processes)) {
    write_row(output, name_of(processes.grouping()), span, *report, lost_records_of(*report));
  }
  write_row(output, "other", span, processes.other(), lost_records_of(processes.other()));
}

}  // namespace closewatch
