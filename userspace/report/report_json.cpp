// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_json.h"

#include "userspace/render/json_value.h"
#include "userspace/report/ranking.h"

namespace closewatch {
namespace {

template <typename Name, std::size_t Size>
void put_counters(TextBuffer& out, std::string_view key,
                  const std::array<std::uint64_t, Size>& counters) {
  append(out, key);
  for (std::size_t index = 0; index < Size; ++index) {
    put_name(out, index == 0 ? "{" : ",", name_of(static_cast<Name>(index)));
    put(out, ":", counters[index]);
  }
  out.push_back('}');
}

void put_histogram(TextBuffer& out, std::string_view key, const Histogram& histogram) {
  const auto if_any = [&histogram](std::uint64_t value) {
    return histogram.count() > 0 ? std::optional{value} : std::nullopt;
  };
  append(out, key);
  put(out, R"({"count":)", histogram.count());
  put(out, R"(,"p50":)", if_any(histogram.quantile(0.5)));
  put(out, R"(,"p99":)", if_any(histogram.quantile(0.99)));
  put(out, R"(,"max":)", if_any(histogram.max()));
  out.push_back('}');
}

// The members that a process, the total and the others have alike, without braces.
void put_counts(TextBuffer& out, std::string_view key, const ProcessReport& report) {
  const CloseTally& tally = report.tally;
  put(out, key, report.closures());
  put(out, R"(,"not_classified":)", report.not_classified());
  put(out, R"(,"lost_records":)", report.exact ? std::optional{report.exact->lost} : std::nullopt);
  put(out, R"(,"lost_closures":)", tally.lost_closures);
  put(out, R"(,"bytes":{"discarded":)", report.discarded());
  put(out, R"(,"unread":)", report.unread());
  put_counters<Class>(out, R"(},"classes":)", tally.classes);
  put_counters<Reason>(out, R"(,"reasons":)", tally.reasons);
  put(out, R"(,"late_resets":)", tally.late_resets);
  put_histogram(out, R"(,"blocked_us":)", tally.blocked_us);
  put_histogram(out, R"(,"drain_us":)", tally.drain_us);
}

void put_peer_counts(TextBuffer& out, std::string_view key, const PeerTally& peer) {
  put(out, key, peer.bytes_lost);
  put(out, R"(,"abortive":)", peer.abortive);
  put(out, R"(,"closures":)", peer.closures);
  out.push_back('}');
}

void put_peers(TextBuffer& out, const ProcessReport& report) {
  append(out, R"(,"peers":[)");
  std::string_view before;
  for (const PeerTally& peer : worst_peers(report)) {
    append(out, before);
    append(out, R"({"address":")");
    append_peer(out, peer);
    put_peer_counts(out, R"(","bytes_lost":)", peer);
    before = ",";
  }
  put_peer_counts(out, R"(],"other_peers":{"bytes_lost":)", report.other_peers);
}

void put_process(TextBuffer& out, const ProcessReport& report) {
  const Task& process = report.process;
  const auto if_known = [&process](std::uint32_t number) {
    return process.known() ? std::optional{number} : std::nullopt;
  };
  put(out, R"({"pid":)", if_known(process.pid));
  append(out, R"(,"comm":)");
  process.known() ? append_json_string(out, process.comm()) : append(out, "null");
  put(out, R"(,"uid":)", if_known(process.uid));
  put_time(out, R"(,"start_time":)", report.details.start_unix_ns);
  put(out, R"(,"exe":)", report.details.exe);
  put(out, R"(,"cgroup":)", report.details.cgroup);
  put(out, R"(,"container":)", report.details.container);
  put(out, R"(,"group":)", report.group);
  put_counts(out, R"(,"closures":)", report);
  put_peers(out, report);
  out.push_back('}');
}

void put_losses(TextBuffer& out, const ReportLosses& losses) {
  put(out, R"(,"losses":{"records":)", losses.records);
  put(out, R"(,"gaps":)", losses.gaps);
  put_time(out, R"(,"since":)",
           losses.gaps > 0 ? std::optional{losses.since_unix_ns} : std::nullopt);
  put(out, R"(,"late_facts":)", losses.late_facts);
  put(out, R"(,"late_unread":)", losses.late_unread);
  append(out, R"(,"not_kept":[)");
  std::string_view before;
  for (const NotKept& each : losses.not_kept) {
    append(out, before);
    append(out, R"({"kind":)");
    append_json_string(out, each.kind);
    put_time(out, R"(,"since":)", each.since_unix_ns);
    put_time(out, R"(,"until":)", each.until_unix_ns);
    put(out, R"(,"events":)", each.events);
    put(out, R"(,"records":)", each.records);
    append(out, R"(,"note":)");
    append_json_string(out, each.note);
    out.push_back('}');
    before = ",";
  }
  append(out, "]}");
}

}  // namespace

void write_report_json(Output& output, const PerProcess& processes, const ReportSpan& span) {
  TextBuffer& out = output.buffer();
  put_time(out, R"({"v":1,"from":)", span.from_unix_ns);
  put_time(out, R"(,"to":)", span.to_unix_ns);
  put_name(out, R"(,"by":)", name_of(processes.grouping()));
  put_losses(out, processes.losses());
  put_counts(out, R"(,"total":{"closures":)", processes.all());
  append(out, R"(},"processes":[)");
  std::string_view before;
  for (const ProcessReport* report : worst_first(processes)) {
    append(out, before);
    put_process(out, *report);
    before = ",";
  }
  put_counts(out, R"(],"other":{"closures":)", processes.other());
  append(out, "}}");
  output.end_line();
}

}  // namespace closewatch
