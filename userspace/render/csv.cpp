// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/csv.h"

#include "userspace/render/csv_row.h"
#include "userspace/render/derived.h"
#include "userspace/render/endpoint_text.h"

namespace closewatch {
namespace {

constexpr std::string_view kHeader =
    "record,id,time,class,reason,lost,initiator,closed_by,signal,"
    "pid,tid,comm,uid,start_time,exe,cgroup,container,"
    "actor_pid,actor_tid,actor_comm,actor_uid,actor_start_time,actor_exe,actor_cgroup,"
    "actor_container,"
    "family,local_address,local_port,peer_address,peer_port,netns,"
    "never_sent,unacked,discarded,unread,sent,received,"
    "state_at_close,final_state,linger_enabled,linger_seconds,linger_outcome,"
    "blocked_us,drain_us,lifetime_us,rst_sent,rst_received,rst_kernel_reason,"
    "errno,flags,rule,hooks,stack,lost_records,since";
constexpr unsigned kProcessCells = 8;
constexpr unsigned kGapCells = 2;

void put_process(CsvRow& row, const Task& task, const ProcessDetails& details) {
  if (!task.known()) {
    row.skip(kProcessCells);
    return;
  }
  row.number(task.pid);
  row.number(task.tid);
  row.text(task.comm());
  row.number(task.uid);
  row.time(details.start_unix_ns);
  row.optional_text(details.exe);
  row.optional_text(details.cgroup);
  row.optional_text(details.container);
}

void put_endpoint(CsvRow& row, const Endpoint& endpoint) {
  append_address(row.cell(), endpoint.address);
  row.number(endpoint.port);
}

void put_initiator(CsvRow& row, const Verdict& verdict) {
  row.name(verdict.initiator ? name_of(*verdict.initiator) : "");
}

void put_bytes(CsvRow& row, const Closure& closure) {
  row.number(closure.never_sent);
  row.number(closure.unacked);
  row.number(closure.discarded());
  row.number(closure.unread);
  row.number(closure.sent);
  row.number(closure.received);
}

void put_errno(CsvRow& row, std::int32_t number) {
  TextBuffer& out = row.cell();
  if (number != 0) {
    append_errno(out, number);
  }
}

// Innermost frame first, joined by ';' as folded stacks are; a ';' inside a frame becomes '_'.
void put_stack(CsvRow& row, const std::vector<std::string>& stack) {
  std::string joined;
  for (const std::string& frame : stack) {
    joined += joined.empty() ? "" : ";";
    std::replace_copy(frame.begin(), frame.end(), std::back_inserter(joined), ';', '_');
  }
  row.text(joined);
}

}  // namespace

Csv::Csv(Output& output, std::uint64_t tick_ns) : output_(output), tick_ns_(tick_ns) {
  append(output_.buffer(), kHeader);
  output_.end_line();
}

void Csv::finding(const Finding& finding) {
  const Closure& closure = finding.closure;
  const Verdict& verdict = finding.verdict;
  CsvRow row(output_);
  row.name("closure");
  row.text(finding.id);
  row.time(finding.end_unix_ns);
  row.name(name_of(verdict.cls));
  row.name(name_of(verdict.reason));
  row.boolean(verdict.lost);
  put_initiator(row, verdict);
  row.name(name_of(verdict.closed_by));
  row.number(verdict.signal);
  put_process(row, closure.process, finding.process);
  put_process(row, closure.actor, finding.actor);
  row.name(is_ipv4(closure) ? "ipv4" : "ipv6");
  put_endpoint(row, closure.local);
  put_endpoint(row, closure.peer);
  row.number(known_netns(closure));
  put_bytes(row, closure);
  row.name(name_of(closure.state_at_close));
  row.name(name_of(closure.final_state));
  row.boolean(closure.facts.linger);
  row.number(linger_seconds(closure, tick_ns_));
  row.name(linger_outcome(verdict));
  row.number(verdict.blocked_us);
  row.number(verdict.drain_us);
  row.number(lifetime_us(closure));
  const std::optional<bool> sent = rst_sent(closure.facts);
  row.name(!sent ? "" : *sent ? "true" : "false");
  row.boolean(rst_received(finding));
  row.name(finding.rst_reason);
  put_errno(row, closure.sock_error);
  append_flags(row.cell(), closure.facts, "", " ");
  row.name(verdict.rule);
  row.name(closure.facts.full_hooks ? "full" : "base");
  put_stack(row, finding.stack);
  row.skip(kGapCells);
  row.end();
}

void Csv::correction(const Correction& correction) {
  const Amendment& amendment = correction.amendment;
  const std::optional<Verdict>& verdict = correction.verdict;
  CsvRow row(output_);
  row.name("amendment");
  row.text(correction.amends);
  row.skip(1);
  row.name(verdict ? name_of(verdict->cls) : "");
  row.name(verdict ? name_of(verdict->reason) : "");
  row.name(amendment.unread > 0 ? "true" : "");
  verdict ? put_initiator(row, *verdict) : row.skip(1);
  if (verdict && verdict->closed_by != ClosedBy::none) {
    row.name(name_of(verdict->closed_by));
    row.number(verdict->signal);
  } else {
    row.skip(2);
  }
  put_process(row, amendment.process, correction.process);
  row.skip(kProcessCells);
  row.skip(9);  // family to discarded
  amendment.unread > 0 ? row.number(amendment.unread) : row.skip(1);
  row.skip(10);  // sent to lifetime_us
  row.name(rst_sent(amendment.facts) == true ? "true" : "");
  row.name(amendment.facts.rst_in ? "true" : "");
  row.name(correction.rst_reason);
  row.skip(1);
  append_flags(row.cell(), amendment.facts, "", " ");
  row.name(verdict ? verdict->rule : "");
  row.skip(2);
  row.skip(kGapCells);
  row.end();
}

void Csv::gap(const Gap& gap) {
  static const auto kCells =
      static_cast<unsigned>(std::count(kHeader.begin(), kHeader.end(), ',') + 1);
  CsvRow row(output_);
  row.name("gap");
  row.skip(kCells - 1 - kGapCells);
  row.number(gap.lost_records);
  row.time(gap.since_unix_ns);
  row.end();
}

}  // namespace closewatch
