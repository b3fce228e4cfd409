// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/json_lines.h"

#include "userspace/render/derived.h"
#include "userspace/render/endpoint_text.h"
#include "userspace/render/json_value.h"

namespace closewatch {
namespace {

constexpr std::size_t kWritten = 64;

void append_process(TextBuffer& out, const Task& task, const ProcessDetails& details) {
  put(out, R"({"pid":)", task.pid);
  put(out, R"(,"tid":)", task.tid);
  append(out, R"(,"comm":)");
  append_json_string(out, task.comm());
  put(out, R"(,"uid":)", task.uid);
  put_time(out, R"(,"start_time":)", details.start_unix_ns);
  put(out, R"(,"exe":)", details.exe);
  put(out, R"(,"cgroup":)", details.cgroup);
  put(out, R"(,"container":)", details.container);
  out.push_back('}');
}

void put_endpoint(TextBuffer& out, std::string_view key, const Endpoint& endpoint) {
  append(out, key);
  append(out, R"({"address":")");
  append_address(out, endpoint.address);
  put(out, R"(","port":)", endpoint.port);
  out.push_back('}');
}

void put_verdict(TextBuffer& out, const Verdict& verdict) {
  put_name(out, R"(,"class":)", name_of(verdict.cls));
  put_name(out, R"(,"reason":)", name_of(verdict.reason));
}

void put_initiator(TextBuffer& out, const Verdict& verdict) {
  put_name(out, R"(,"initiator":)",
           verdict.initiator ? name_of(*verdict.initiator) : std::string_view{});
}

void put_closed_by(TextBuffer& out, const Verdict& verdict) {
  put_name(out, R"(,"closed_by":)", name_of(verdict.closed_by));
  put(out, R"(,"signal":)", verdict.signal);
}

void put_bytes(TextBuffer& out, const Closure& closure) {
  put(out, R"(,"bytes":{"never_sent":)", closure.never_sent);
  put(out, R"(,"unacked":)", closure.unacked);
  put(out, R"(,"discarded":)", closure.discarded());
  put(out, R"(,"unread":)", closure.unread);
  put(out, R"(,"sent":)", closure.sent);
  put(out, R"(,"received":)", closure.received);
  out.push_back('}');
}

void put_linger(TextBuffer& out, const Finding& finding, std::uint64_t tick_ns) {
  put(out, R"(,"linger":{"enabled":)", finding.closure.facts.linger);
  put(out, R"(,"seconds":)", linger_seconds(finding.closure, tick_ns));
  put_name(out, R"(,"outcome":)", linger_outcome(finding.verdict));
  out.push_back('}');
}

void put_rst(TextBuffer& out, const Finding& finding) {
  put(out, R"(,"rst":{"sent":)", rst_sent(finding.closure.facts));
  put(out, R"(,"received":)", rst_received(finding));
  put_name(out, R"(,"kernel_reason":)", finding.rst_reason);
  out.push_back('}');
}

void put_errno(TextBuffer& out, std::int32_t number) {
  if (number == 0) {
    append(out, R"(,"errno":null)");
    return;
  }
  append(out, R"(,"errno":")");
  append_errno(out, number);
  out.push_back('"');
}

void put_flags(TextBuffer& out, const Facts& facts) {
  append(out, R"(,"flags":[)");
  append_flags(out, facts, "\"", ",");
  out.push_back(']');
}

void put_stack(TextBuffer& out, const std::vector<std::string>& stack) {
  if (stack.empty()) {
    append(out, R"(,"stack":null)");
    return;
  }
  std::string_view before = R"(,"stack":[)";
  for (const std::string& frame : stack) {
    put(out, before, frame);
    before = ",";
  }
  out.push_back(']');
}

// The keys of `rst` that a late fact sets: what was false before and is true now.
void put_late_rst(TextBuffer& out, const Correction& correction) {
  const Facts& facts = correction.amendment.facts;
  std::string_view before = R"(,"rst":{)";
  const auto put_key = [&](std::string_view key, std::string_view value) {
    append(out, before);
    append(out, key);
    append(out, value);
    before = ",";
  };
  if (rst_sent(facts) == true) {
    put_key(R"("sent":)", "true");
  }
  if (facts.rst_in) {
    put_key(R"("received":)", "true");
  }
  if (!correction.rst_reason.empty()) {
    put_key(R"("kernel_reason":)", "");
    append_json_name(out, correction.rst_reason);
  }
  append(out, before == "," ? "}" : "");
}

}  // namespace

void JsonLines::put_process(std::string_view key, const Task& task, const ProcessDetails& details) {
  TextBuffer& out = output_.buffer();
  append(out, key);
  if (!task.known()) {
    append(out, "null");
    return;
  }
  written_.resize(kWritten);
  Written& written = written_[task.tid % kWritten];
  if (written.task != task || written.details != details) {
    const std::size_t begin = out.size();
    append_process(out, task, details);
    written.task = task;
    written.details = details;
    written.json = view_of(out, begin);
  } else {
    append(out, written.json);
  }
}

void JsonLines::finding(const Finding& finding) {
  const Closure& closure = finding.closure;
  const Verdict& verdict = finding.verdict;
  TextBuffer& out = output_.buffer();
  put(out, R"({"v":1,"id":)", finding.id);
  put_time(out, R"(,"time":)", finding.end_unix_ns);
  put_verdict(out, verdict);
  put(out, R"(,"lost":)", verdict.lost);
  put_initiator(out, verdict);
  put_closed_by(out, verdict);
  put_process(R"(,"process":)", closure.process, finding.process);
  put_process(R"(,"actor":)", closure.actor, finding.actor);
  put_name(out, R"(,"family":)", is_ipv4(closure) ? "ipv4" : "ipv6");
  put_endpoint(out, R"(,"local":)", closure.local);
  put_endpoint(out, R"(,"peer":)", closure.peer);
  put(out, R"(,"netns":)", known_netns(closure));
  put_bytes(out, closure);
  put_name(out, R"(,"state_at_close":)", name_of(closure.state_at_close));
  put_name(out, R"(,"final_state":)", name_of(closure.final_state));
  put_linger(out, finding, tick_ns_);
  put(out, R"(,"blocked_us":)", verdict.blocked_us);
  put(out, R"(,"drain_us":)", verdict.drain_us);
  put(out, R"(,"lifetime_us":)", lifetime_us(closure));
  put_rst(out, finding);
  put_errno(out, closure.sock_error);
  put_flags(out, closure.facts);
  put_name(out, R"(,"rule":)", verdict.rule);
  put_name(out, R"(,"hooks":)", closure.facts.full_hooks ? "full" : "base");
  put_stack(out, finding.stack);
  out.push_back('}');
  output_.end_line();
}

void JsonLines::correction(const Correction& correction) {
  const Amendment& amendment = correction.amendment;
  TextBuffer& out = output_.buffer();
  put(out, R"({"v":1,"amends":)", correction.amends);
  if (correction.verdict) {
    put_verdict(out, *correction.verdict);
  }
  if (amendment.unread > 0) {
    append(out, R"(,"lost":true)");
  }
  if (correction.verdict) {
    put_initiator(out, *correction.verdict);
    if (correction.verdict->closed_by != ClosedBy::none) {
      put_closed_by(out, *correction.verdict);
    }
  }
  if (amendment.process.known()) {
    put_process(R"(,"process":)", amendment.process, correction.process);
  }
  if (amendment.unread > 0) {
    put(out, R"(,"bytes":{"unread":)", amendment.unread);
    out.push_back('}');
  }
  put_late_rst(out, correction);
  if (any_flag(amendment.facts)) {
    put_flags(out, amendment.facts);
  }
  if (correction.verdict) {
    put_name(out, R"(,"rule":)", correction.verdict->rule);
  }
  out.push_back('}');
  output_.end_line();
}

void JsonLines::gap(const Gap& gap) {
  TextBuffer& out = output_.buffer();
  put(out, R"({"v":1,"lost_records":)", gap.lost_records);
  put_time(out, R"(,"since":)", gap.since_unix_ns);
  out.push_back('}');
  output_.end_line();
}

}  // namespace closewatch
