// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_text.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "userspace/render/time_text.h"
#include "userspace/report/advice.h"
#include "userspace/report/ranking.h"
#include "userspace/report/text_lines.h"

namespace closewatch {
namespace {

constexpr std::size_t kReasonsShown = 6;
constexpr std::size_t kPeersShown = 3;
constexpr std::string_view kPeerIndent = "              ";

std::string bytes_text(std::uint64_t discarded, std::uint64_t unread) {
  return count_text(discarded) + " bytes discarded, " + count_text(unread) + " unread";
}

void write_losses(Output& output, const PerProcess& processes, const ProcessReport& all,
                  bool colour) {
  const ReportLosses& losses = processes.losses();
  const Colour alarm = colour ? Colour::alarm : Colour::none;
  if (losses.records > 0) {
    TextBuffer since;
    append_rfc3339(since, losses.since_unix_ns, 0);
    write_line(output,
               fmt::format("!! {} lost in {} since {}", counted(losses.records, "record"),
                           counted(losses.gaps, "gap"), view_of(since)),
               alarm);
  }
  if (all.not_classified() > 0) {
    write_line(output,
               fmt::format("!! {} not classified: counted in the totals, missing in the classes",
                           counted(all.not_classified(), "closure")),
               alarm);
  }
  if (losses.late_facts > 0) {
    write_line(output,
               fmt::format("!! {} ({} unread bytes) about closures not remembered: not counted",
                           counted(losses.late_facts, "late fact"), count_text(losses.late_unread)),
               alarm);
  }
  if (losses.records == 0 && all.not_classified() == 0 && losses.late_facts == 0) {
    write_line(output, "no records lost");
  }
}

std::string closures_text(const ProcessReport& report) {
  std::string text = count_text(report.closures());
  if (report.not_classified() > 0) {
    text += ", " + count_text(report.not_classified()) + " of them not classified";
    text += report.exact->lost > 0 ? ": lost records" : "";
  }
  return text;
}

void write_classes(Output& output, const CloseTally& tally) {
  LabelledList classes(output, "classes");
  for (const Class cls : {Class::abortive, Class::timed_out, Class::lingered, Class::graceful,
                          Class::unknown, Class::unestablished}) {
    if (tally.of(cls) > 0) {
      classes.item(fmt::format("{} {}", name_of(cls), count_text(tally.of(cls))));
    }
  }
  classes.end();
}

void write_reasons(Output& output, const CloseTally& tally) {
  LabelledList reasons(output, "reasons");
  const std::vector<ReasonCount> all = frequent_reasons(tally);
  for (std::size_t index = 0; index < all.size() && index < kReasonsShown; ++index) {
    reasons.item(fmt::format("{} {}", name_of(all[index].reason), count_text(all[index].count)));
  }
  if (all.size() > kReasonsShown) {
    reasons.item(fmt::format("and {} more", all.size() - kReasonsShown));
  }
  reasons.end();
}

void write_times(Output& output, std::string_view label, const Histogram& times) {
  if (times.count() > 0) {
    write_labelled(output, label,
                   fmt::format("p50 {}, p99 {}, max {} of {}", duration_text(times.quantile(0.5)),
                               duration_text(times.quantile(0.99)), duration_text(times.max()),
                               counted(times.count(), "closure")));
  }
}

void write_counts(Output& output, const ProcessReport& report) {
  const CloseTally& tally = report.tally;
  write_labelled(output, "closures", closures_text(report));
  if (report.discarded() + report.unread() > 0) {
    write_labelled(output, "lost data",
                   fmt::format("{} in {}{}", bytes_text(report.discarded(), report.unread()),
                               report.not_classified() > 0 ? "at least " : "",
                               counted(tally.lost_closures, "closure")));
  }
  if (!frequent_reasons(tally).empty()) {
    write_classes(output, tally);
    write_reasons(output, tally);
  }
  if (tally.of(Reason::listener_closed) > 0) {
    write_labelled(output, "listener",
                   fmt::format("{} never accepted when it was closed",
                               counted(tally.of(Reason::listener_closed), "connection")));
  }
  if (tally.late_resets > 0) {
    write_labelled(
        output, "late resets",
        fmt::format("{}: the peer sent data after the end", counted(tally.late_resets, "closure")));
  }
  write_times(output, "in close()", tally.blocked_us);
  write_times(output, "background", tally.drain_us);
}

std::string numbers_of(const PeerTally& peer) {
  return fmt::format("{} lost, {} of {} bad closures abortive", count_text(peer.bytes_lost),
                     count_text(peer.abortive), count_text(peer.closures));
}

void write_peers(Output& output, const ProcessReport& report) {
  const std::vector<PeerTally> peers = worst_peers(report);
  for (std::size_t index = 0; index < peers.size() && index < kPeersShown; ++index) {
    TextBuffer& out = output.buffer();
    append(out, index == 0 ? "  worst peers " : kPeerIndent);
    const std::size_t from = out.size();
    append_peer(out, peers[index]);
    out.push_back(':');
    const std::string numbers = numbers_of(peers[index]);
    // A long address is told whole: it is what the reader looks for.
    if (kPeerIndent.size() + (out.size() - from) + 1 + numbers.size() > kReportWidth) {
      output.end_line();
      append(out, kPeerIndent);
      append(out, " ");
    }
    out.push_back(' ');
    append(out, numbers);
    output.end_line();
  }
  if (peers.size() > kPeersShown) {
    write_line(output, fmt::format("{}and {} more", kPeerIndent, peers.size() - kPeersShown));
  }
  if (report.other_peers.closures > 0) {
    write_line(output, fmt::format("{}peers not told apart: {}", kPeerIndent,
                                   numbers_of(report.other_peers)));
  }
}

void write_process(Output& output, Grouping grouping, const ProcessReport& report,
                   Charset charset) {
  const Task& process = report.process;
  TextBuffer title;
  if (grouping != Grouping::process) {
    append(title, name_of(grouping));
    title.push_back(' ');
    report.group ? append_terminal_text(title, *report.group, charset) : append(title, "not known");
  } else if (process.known()) {
    append_number(title, process.pid);
    title.push_back(' ');
    append_terminal_text(title, process.comm(), charset);
  } else {
    append(title, "process not known");
  }
  if (report.details.cgroup) {
    title.push_back(' ');
    append_terminal_text(title, *report.details.cgroup, charset);
  }
  output.end_line();
  write_line(output, view_of(title));
  write_counts(output, report);
  write_peers(output, report);
}

std::string sum_text(const ProcessReport& report) {
  return counted(report.closures(), "closure") + ", " +
         bytes_text(report.discarded(), report.unread());
}

// What has no block of its own.
void write_rest(Output& output, std::span<const ProcessReport* const> hidden,
                const ProcessReport& other, Grouping grouping) {
  if (!hidden.empty()) {
    ProcessReport sum;
    sum.exact.emplace();
    for (const ProcessReport* report : hidden) {
      sum.exact->closures += report->closures();
      sum.exact->discarded += report->discarded();
      sum.exact->unread += report->unread();
    }
    output.end_line();
    const bool processes = grouping == Grouping::process;
    write_line(output, fmt::format("and {}: {}",
                                   counted(hidden.size(), processes ? "more process" : "more group",
                                           processes ? "es" : "s"),
                                   sum_text(sum)));
  }
  if (other.closures() > 0) {
    output.end_line();
    write_line(output, "processes not told apart: " + sum_text(other));
  }
}

}  // namespace

void write_report_text(Output& output, const PerProcess& processes, const ReportSpan& span,
                       const ReportStyle& style) {
  TextBuffer title;
  append_rfc3339(title, span.from_unix_ns, 0);
  append(title, " to ");
  append_rfc3339(title, span.to_unix_ns, 0);
  const ProcessReport all = processes.all();
  write_line(output, view_of(title));
  write_losses(output, processes, all, style.colour);
  write_counts(output, all);
  const std::vector<const ProcessReport*> order = worst_first(processes);
  const std::size_t shown = std::min(style.processes, order.size());
  for (std::size_t index = 0; index < shown; ++index) {
    write_process(output, processes.grouping(), *order[index], style.charset);
  }
  write_rest(output, std::span(order).subspan(shown), processes.other(), processes.grouping());
  write_advice(output, processes, style.charset);
}

}  // namespace closewatch
