// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/table.h"

#include <iterator>

#include "userspace/render/derived.h"
#include "userspace/render/endpoint_text.h"
#include "userspace/render/quantity.h"
#include "userspace/render/time_text.h"

namespace closewatch {
namespace {

constexpr std::size_t kRemembered = 4096;
constexpr std::string_view kUnknown = "-";

constexpr std::array<Column, 8> kNarrow{{
    {"PID", 7, Align::right},
    {"COMM", 10},
    {"C", 1},
    {"REASON", 17},
    {"PEER", 21},
    {"DISCARDED", 6, Align::right},
    {"UNREAD", 6, Align::right},
    {"BLOCK", 5, Align::right},
}};

// The time takes the room of BLOCK and of the longest IPv4 endpoints.
constexpr std::array<Column, 8> kNarrowTimed{{
    {"UTC", 8},
    {"PID", 7, Align::right},
    {"COMM", 10},
    {"C", 1},
    {"REASON", 17},
    {"PEER", 18},
    {"DISCARDED", 6, Align::right},
    {"UNREAD", 6, Align::right},
}};

constexpr std::size_t width_of(std::span<const Column> columns) {
  std::size_t width = columns.size() - 1;
  for (const Column& column : columns) {
    width += column.width;
  }
  return width;
}
static_assert(width_of(kNarrow) == kNarrowColumns);
static_assert(width_of(kNarrowTimed) == kNarrowColumns);

constexpr std::array<Column, 28> kWideTimed{{
    {"UTC", 24},
    {"ID", 20},
    {"PID", 7, Align::right},
    {"TID", 7, Align::right},
    {"UID", 5, Align::right},
    {"COMM", 15},
    {"CLASS", 9},
    {"REASON", 17},
    {"INITIATOR", 9},
    {"CLOSED_BY", 9},
    {"LOCAL", 21},
    {"PEER", 21},
    {"DISCARDED", 9, Align::right},
    {"UNREAD", 7, Align::right},
    {"SENT", 9, Align::right},
    {"RECEIVED", 9, Align::right},
    {"AT_CLOSE", 11},
    {"FINAL", 11},
    {"LINGER", 12},
    {"BLOCK", 5, Align::right},
    {"DRAIN", 5, Align::right},
    {"LIFE", 5, Align::right},
    {"RST", 8},
    {"ERRNO", 11},
    {"NETNS", 10, Align::right},
    {"FLAGS", 13},
    {"ACTOR", 15},
    {"CGROUP", 0},
}};

char letter_of(Class value) {
  switch (value) {
    case Class::graceful:
      return 'G';
    case Class::lingered:
      return 'L';
    case Class::timed_out:
      return 'T';
    case Class::abortive:
      return 'A';
    case Class::unestablished:
      return 'U';
    case Class::unknown:
      break;
  }
  return '?';
}

Colour colour_of(Class value) {
  switch (value) {
    case Class::abortive:
      return Colour::red;
    case Class::timed_out:
      return Colour::yellow;
    case Class::lingered:
      return Colour::cyan;
    default:
      return Colour::none;
  }
}

void put_count(ColumnRow& row, std::uint64_t count, Colour colour) {
  row.cell([count](TextBuffer& out) { append_count(out, count); },
           count > 0 ? colour : Colour::none);
}

template <typename Number>
void put_number(ColumnRow& row, const std::optional<Number>& number) {
  row.cell(
      [&number](TextBuffer& out) { number ? append_number(out, *number) : append(out, kUnknown); });
}

void put_duration(ColumnRow& row, const std::optional<std::uint64_t>& microseconds) {
  row.cell([&microseconds](TextBuffer& out) {
    microseconds ? append_duration(out, *microseconds) : append(out, kUnknown);
  });
}

void put_comm(ColumnRow& row, const Task& task, Charset charset) {
  row.cell([&](TextBuffer& out) {
    task.known() ? append_terminal_text(out, task.comm(), charset) : append(out, kUnknown);
  });
}

void put_name(ColumnRow& row, std::string_view name) { row.cell(name.empty() ? kUnknown : name); }

void append_process(TextBuffer& out, const Task& task, Charset charset) {
  append_number(out, task.pid);
  out.push_back(' ');
  append_terminal_text(out, task.comm(), charset);
}

void put_closed_by(ColumnRow& row, const Verdict& verdict) {
  row.cell([&verdict](TextBuffer& out) {
    append(out, name_of(verdict.closed_by));
    if (verdict.signal) {
      out.push_back(':');
      append_number(out, *verdict.signal);
    }
  });
}

void put_linger(ColumnRow& row, const Finding& finding, std::uint64_t tick_ns) {
  row.cell([&](TextBuffer& out) {
    if (const auto seconds = linger_seconds(finding.closure, tick_ns)) {
      append_number(out, *seconds);
      append(out, "s:");
    }
    append(out, name_of(finding.verdict.linger));
  });
}

std::string_view rst_text(const Finding& finding) {
  const bool sent = rst_sent(finding.closure.facts) == true;
  if (rst_received(finding)) {
    return sent ? "both" : "received";
  }
  return sent ? "sent" : kUnknown;
}

std::optional<std::uint32_t> if_known(const Task& task, std::uint32_t number) {
  return task.known() ? std::optional{number} : std::nullopt;
}

}  // namespace

Table::Table(Output& output, const TableStyle& style)
    : output_(output), style_(style), recent_(kRemembered) {
  append_titles(output_.buffer(), columns());
  output_.end_line();
}

std::span<const Column> Table::columns() const {
  if (style_.wide) {
    return std::span(kWideTimed).subspan(style_.timestamp ? 0 : 1);
  }
  return style_.timestamp ? std::span<const Column>(kNarrowTimed) : kNarrow;
}

Colour Table::shown(Colour colour) const { return style_.colour ? colour : Colour::none; }

void Table::finding(const Finding& finding) {
  recent_.remember(finding.closure.id, {finding.closure.process, finding.closure.peer});
  style_.wide ? wide_row(finding) : narrow_row(finding);
  output_.end_line();
  stack_lines(finding);
}

void Table::narrow_row(const Finding& finding) {
  const Closure& closure = finding.closure;
  const Verdict& verdict = finding.verdict;
  const Colour colour = shown(colour_of(verdict.cls));
  const std::span<const Column> layout = columns();
  ColumnRow row(output_.buffer(), layout, true);
  if (style_.timestamp) {
    row.cell([&](TextBuffer& out) { append_time_of_day(out, finding.end_unix_ns); });
  }
  put_number(row, if_known(closure.process, closure.process.pid));
  put_comm(row, closure.process, style_.charset);
  row.cell([&](TextBuffer& out) { out.push_back(letter_of(verdict.cls)); }, colour);
  row.cell(name_of(verdict.reason), colour);
  const std::size_t peer_width = style_.timestamp ? kNarrowTimed[5].width : kNarrow[4].width;
  row.cell([&](TextBuffer& out) { append_endpoint_fitted(out, closure.peer, peer_width); });
  put_count(row, closure.discarded(), shown(Colour::bold));
  put_count(row, closure.unread, shown(Colour::bold));
  if (!style_.timestamp) {
    put_duration(row, verdict.blocked_us);
  }
}

void Table::wide_row(const Finding& finding) {
  const Closure& closure = finding.closure;
  const Verdict& verdict = finding.verdict;
  const Task& process = closure.process;
  const Colour colour = shown(colour_of(verdict.cls));
  const auto escaped = [this](std::string_view text) {
    return [this, text](TextBuffer& out) { append_terminal_text(out, text, style_.charset); };
  };
  const auto endpoint = [](const Endpoint& end) {
    return [&end](TextBuffer& out) { append_endpoint(out, end); };
  };
  const std::span<const Column> layout = columns();
  ColumnRow row(output_.buffer(), layout, false);
  if (style_.timestamp) {
    row.cell([&](TextBuffer& out) { append_rfc3339(out, finding.end_unix_ns, 3); });
  }
  row.cell(escaped(finding.id));
  put_number(row, if_known(process, process.pid));
  put_number(row, if_known(process, process.tid));
  put_number(row, if_known(process, process.uid));
  put_comm(row, process, style_.charset);
  row.cell(name_of(verdict.cls), colour);
  row.cell(name_of(verdict.reason), colour);
  put_name(row, verdict.initiator ? name_of(*verdict.initiator) : "");
  put_closed_by(row, verdict);
  row.cell(endpoint(closure.local));
  row.cell(endpoint(closure.peer));
  put_number(row, std::optional{closure.discarded()});
  put_number(row, std::optional{closure.unread});
  put_number(row, closure.sent);
  put_number(row, closure.received);
  put_name(row, name_of(closure.state_at_close));
  put_name(row, name_of(closure.final_state));
  put_linger(row, finding, style_.tick_ns);
  put_duration(row, verdict.blocked_us);
  put_duration(row, verdict.drain_us);
  put_duration(row, lifetime_us(closure));
  put_name(row, rst_text(finding));
  row.cell([&](TextBuffer& out) {
    closure.sock_error != 0 ? append_errno(out, closure.sock_error) : append(out, kUnknown);
  });
  put_number(row, known_netns(closure));
  row.cell([&](TextBuffer& out) {
    any_flag(closure.facts) ? append_flags(out, closure.facts, "", ",") : append(out, kUnknown);
  });
  row.cell([&](TextBuffer& out) {
    closure.actor.known() ? append_process(out, closure.actor, style_.charset)
                          : append(out, kUnknown);
  });
  row.cell(escaped(finding.process.cgroup ? std::string_view(*finding.process.cgroup) : kUnknown));
}

void Table::stack_lines(const Finding& finding) {
  for (const std::string& frame : finding.stack) {
    TextBuffer& out = output_.buffer();
    const std::size_t from = out.size();
    append(out, "    at ");
    append_terminal_text(out, frame, style_.charset);
    fit_line(from);
    output_.end_line();
  }
}

void Table::fit_line(std::size_t from) {
  if (!style_.wide) {
    fit_columns(output_.buffer(), from, kNarrowColumns);
  }
}

void Table::correction(const Correction& correction) {
  const Amendment& amendment = correction.amendment;
  TextBuffer& out = output_.buffer();
  const std::size_t from = out.size();
  append(out, "  ^ ");
  const Subject* subject = recent_.find(amendment.id);
  if (subject != nullptr && subject->process.known()) {
    append_process(out, subject->process, style_.charset);
    out.push_back(' ');
  }
  if (subject != nullptr) {
    append_endpoint_fitted(out, subject->peer, kNarrow[4].width);
  }
  if (subject == nullptr || style_.wide) {
    append(out, subject == nullptr ? "" : " ");
    append_terminal_text(out, correction.amends, style_.charset);
  }
  std::string_view before = ": ";
  const auto begin_part = [&] { append(out, std::exchange(before, ", ")); };
  if (correction.verdict) {
    begin_part();
    append(out, name_of(correction.verdict->cls));
    out.push_back('/');
    append(out, name_of(correction.verdict->reason));
  }
  if (amendment.unread > 0) {
    begin_part();
    append_number(out, amendment.unread);
    append(out, " bytes unread");
  }
  if (amendment.process.known()) {
    begin_part();
    append(out, "closed by ");
    append_process(out, amendment.process, style_.charset);
  }
  if (any_flag(amendment.facts) && (style_.wide || !correction.verdict)) {
    begin_part();
    append_flags(out, amendment.facts, "", ", ");
  }
  fit_line(from);
  output_.end_line();
}

void Table::gap(const Gap& gap) {
  const Colour colour = shown(Colour::alarm);
  TextBuffer& out = output_.buffer();
  begin_colour(out, colour);
  const std::size_t from = out.size();
  append(out, "!! ");
  append_number(out, gap.lost_records);
  append(out, " records lost since ");
  append_rfc3339(out, gap.since_unix_ns, 0);
  append(out, ": rows are missing here");
  fit_line(from);
  end_colour(out, colour);
  output_.end_line();
}

}  // namespace closewatch
