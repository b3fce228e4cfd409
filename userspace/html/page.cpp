// SPDX-License-Identifier: Apache-2.0
#include "userspace/html/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "userspace/classify/meaning.h"
#include "userspace/html/chart.h"
#include "userspace/html/markup.h"
#include "userspace/html/number.h"
#include "userspace/render/quantity.h"
#include "userspace/render/time_text.h"
#include "userspace/report/ranking.h"
#include "userspace/report/report_compare.h"
#include "userspace/report/text_lines.h"

namespace closewatch {
namespace {

constexpr std::size_t kRows = 15;  // of a table
constexpr std::size_t kReasonsExplained = 5;

constexpr std::string_view kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1d2328;background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem;"
    "border-bottom:1px solid #d4d9dd}h3{font-size:1rem;margin:1.2rem 0 .2rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem .2rem 0;"
    "border-bottom:1px solid #e6e9eb;overflow-wrap:anywhere}th{font-weight:600}"
    "td:first-child{min-width:7rem}"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "svg{width:100%;height:auto;background:#f6f7f8;display:block}"
    ".axis{display:flex;justify-content:space-between;margin:0;color:#5c666e;font-size:.8rem}"
    ".abortive{fill:#c2382f}.timed_out{fill:#d98a1f}.lingered{fill:#7c6bb0}.graceful{fill:#5f9e78}"
    ".unknown{fill:#8d969d}.lost{fill:#7d1d17}.alarm{color:#9c1c13;font-weight:600}"
    ".key svg{display:inline-block;width:.8em;height:.8em}.key span{margin-right:1.2em}"
    "@media(prefers-color-scheme:dark){body{color:#dfe3e6;background:#15191c}svg{background:"
    "#20262a}h2,th,td{border-color:#353d43}.alarm{color:#ff8d84}.axis{color:#9aa4ab}}";

class Writer {
 public:
  explicit Writer(Output& output) : output_(output) {}

  void line(std::string_view html) {
    append(output_.buffer(), html);
    output_.end_line();
  }
  void heading(std::string_view text) { line(fmt::format("<h2>{}</h2>", html_of(text))); }
  void paragraph(std::string_view text) { line(fmt::format("<p>{}</p>", html_of(text))); }

  void begin_table(std::initializer_list<std::string_view> titles) {
    std::string row = "<table><tr>";
    for (const std::string_view title : titles) {
      const char* style = row.ends_with("<tr>") ? "" : " class=\"n\"";
      row += fmt::format("<th{}>{}</th>", style, html_of(title));
    }
    line(row + "</tr>");
  }
  // A name, then numbers and times, which are text of ours.
  void row(std::string_view name, std::initializer_list<std::string> cells) {
    std::string row = fmt::format("<tr><td>{}</td>", html_of(name));
    for (const std::string& cell : cells) {
      row += fmt::format("<td class=\"n\">{}</td>", html_of(cell));
    }
    line(row + "</tr>");
  }
  void end_table() { line("</table>"); }

  Output& output() { return output_; }

 private:
  Output& output_;
};

// Raw bytes.
std::string title_of(const ProcessReport& report) {
  if (!report.process.known()) {
    return report.group.value_or("not known");
  }
  std::string title = fmt::format("{} {}", report.process.pid, report.process.comm());
  return report.details.cgroup ? title + "  " + *report.details.cgroup : title;
}

// Those with a value, largest first.
template <typename Value>
std::vector<const ProcessReport*> largest(const PerProcess& report, Value value) {
  std::vector<const ProcessReport*> order;
  for (const ProcessReport& each : report.processes()) {
    if (value(each) > 0) {
      order.push_back(&each);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&value](const auto* a, const auto* b) { return value(*a) > value(*b); });
  return order;
}

void write_more(Writer& out, std::size_t all) {
  if (all > kRows) {
    out.paragraph(fmt::format("and {} more", number(all - kRows)));
  }
}

void write_losses(Writer& out, const Page& page) {
  const ReportLosses& losses = page.report.losses();
  if (losses.records > 0) {
    out.line(
        fmt::format("<p class=\"alarm\">{} lost in {} since {}: counts are too low by as much</p>",
                    counted(losses.records, "record"), counted(losses.gaps, "gap"),
                    rfc3339(losses.since_unix_ns, 0)));
  }
  if (losses.late_facts > 0) {
    out.line(fmt::format("<p class=\"alarm\">{} late facts ({} unread bytes) are not counted</p>",
                         losses.late_facts, losses.late_unread));
  }
  for (const std::string& note : page.notes) {
    out.line(fmt::format("<p class=\"alarm\">{}</p>", html_of(note)));
  }
}

void write_summary(Writer& out, const ProcessReport& all) {
  const CloseTally& tally = all.tally;
  out.begin_table({"", "closures", "abortive", "timed out", "with bytes lost", "bytes discarded",
                   "bytes unread"});
  out.row("everything", {number(all.closures()), number(tally.of(Class::abortive)),
                         number(tally.of(Class::timed_out)), number(tally.lost_closures),
                         number(all.discarded()), number(all.unread())});
  out.end_table();
}

void write_advice(Writer& out, const PerProcess& report, const CloseTally& tally) {
  out.heading("What to do");
  const std::vector<ReasonCount> bad = worst_reasons(tally);
  if (bad.empty()) {
    out.paragraph("Nothing: no connection was aborted or timed out.");
    return;
  }
  for (std::size_t index = 0; index < std::min(bad.size(), kReasonsExplained); ++index) {
    const Reason reason = bad[index].reason;
    const auto most =
        largest(report, [reason](const ProcessReport& each) { return each.tally.of(reason); });
    const std::uint64_t count = bad[index].count;
    std::string title =
        fmt::format("{}: {} closure{}", name_of(reason), number(count), count == 1 ? "" : "s");
    if (!most.empty()) {
      title += fmt::format(", {} of {}", number(most[0]->tally.of(reason)), title_of(*most[0]));
    }
    out.line(fmt::format("<h3>{}</h3>", html_of(title)));
    out.paragraph(explanation_of(reason).meaning);
    out.paragraph(explanation_of(reason).advice);
  }
}

void write_timeline(Writer& out, const Timeline& timeline) {
  out.heading("Close behaviour over time");
  std::string key = "<p class=\"key\">";
  for (const ChartClass& each : kChartClasses) {
    key += fmt::format(
        "<span><svg viewBox=\"0 0 1 1\"><rect class=\"{}\" width=\"1\" height=\"1\"/></svg> "
        "{}</span>",
        each.style, name_of(each.cls));
  }
  out.line(key +
           "<span><svg viewBox=\"0 0 1 1\"><rect class=\"lost\" width=\"1\" height=\"1\"/></svg>"
           " bytes lost</span></p>");
  write_chart(out.output(), timeline, timeline.all, 140);
  for (const TimelineRow& row : timeline.rows) {
    out.line(fmt::format("<h3>{}</h3>", html_of(row.name.empty() ? "not known" : row.name)));
    write_chart(out.output(), timeline, row, 60);
  }
}

void write_losers(Writer& out, const PerProcess& report) {
  out.heading("Who loses bytes");
  const auto order =
      largest(report, [](const ProcessReport& each) { return each.discarded() + each.unread(); });
  if (order.empty()) {
    out.paragraph("Nobody: every byte was acknowledged and read.");
    return;
  }
  out.begin_table({"", "discarded", "unread", "in closures", "of", "most often"});
  for (std::size_t index = 0; index < std::min(order.size(), kRows); ++index) {
    const ProcessReport& each = *order[index];
    const auto reasons = worst_reasons(each.tally);
    out.row(title_of(each), {number(each.discarded()), number(each.unread()),
                             number(each.tally.lost_closures), number(each.closures()),
                             reasons.empty() ? "" : std::string(name_of(reasons[0].reason))});
  }
  out.end_table();
  write_more(out, order.size());
}

void write_peers(Writer& out, const PerProcess& report) {
  out.heading("Worst peers");
  std::map<std::array<std::uint8_t, 16>, PeerTally> by_address;
  PeerTally others;
  const auto add = [](PeerTally& sum, const PeerTally& peer) {
    sum.closures += peer.closures;
    sum.abortive += peer.abortive;
    sum.bytes_lost += peer.bytes_lost;
  };
  for (const ProcessReport& each : report.processes()) {
    for (const PeerTally& peer : each.peers) {
      PeerTally& sum = by_address[peer.address];
      sum.address = peer.address;
      sum.network = peer.network;
      add(sum, peer);
    }
    add(others, each.other_peers);
  }
  add(others, report.other().other_peers);
  ProcessReport all;
  for (const auto& [address, peer] : by_address) {
    all.peers.push_back(peer);
  }
  const std::vector<PeerTally> order = worst_peers(all);
  if (order.empty()) {
    out.paragraph("None: no closure with any peer was abortive, timed out or lost bytes.");
    return;
  }
  out.begin_table({"", "bytes lost", "abortive", "bad closures"});
  for (std::size_t index = 0; index < std::min(order.size(), kRows); ++index) {
    TextBuffer name;
    append_peer(name, order[index]);
    out.row(view_of(name), {number(order[index].bytes_lost), number(order[index].abortive),
                            number(order[index].closures)});
  }
  if (others.closures > 0) {
    out.row("not told apart",
            {number(others.bytes_lost), number(others.abortive), number(others.closures)});
  }
  out.end_table();
  write_more(out, order.size());
}

void write_times(Writer& out, const PerProcess& report, std::string_view heading,
                 std::string_view text, Histogram CloseTally::*times) {
  out.heading(heading);
  const auto order = largest(report, [times](const ProcessReport& each) {
    return (each.tally.*times).count() > 0 ? (each.tally.*times).max() + 1 : 0;
  });
  if (order.empty()) {
    out.paragraph("Nothing was measured.");
    return;
  }
  out.paragraph(text);
  out.begin_table({"", "closures", "p50", "p99", "longest"});
  for (std::size_t index = 0; index < std::min(order.size(), kRows); ++index) {
    const Histogram& each = order[index]->tally.*times;
    out.row(title_of(*order[index]),
            {number(each.count()), duration_text(each.quantile(0.5)),
             duration_text(each.quantile(0.99)), duration_text(each.max())});
  }
  out.end_table();
  write_more(out, order.size());
}

void write_listeners(Writer& out, const PerProcess& report) {
  out.heading("Listener drops");
  const auto order = largest(
      report, [](const ProcessReport& each) { return each.tally.of(Reason::listener_closed); });
  if (order.empty()) {
    out.paragraph("None: no connection waited to be accepted when its listener was closed.");
    return;
  }
  out.paragraph(
      "Connections that were complete and never accepted when their listener was closed.");
  out.begin_table({"", "dropped"});
  for (std::size_t index = 0; index < std::min(order.size(), kRows); ++index) {
    out.row(title_of(*order[index]), {number(order[index]->tally.of(Reason::listener_closed))});
  }
  out.end_table();
  write_more(out, order.size());
}

void write_changes(Writer& out, const Page& page) {
  if (page.before == nullptr) {
    return;
  }
  out.heading(fmt::format("Compared with {} to {}", rfc3339(page.before_span.from_unix_ns, 0),
                          rfc3339(page.before_span.to_unix_ns, 0)));
  const std::vector<Change> all = changes(page.report, *page.before);
  out.begin_table({"", "closures", "were", "bad", "were", "bytes lost", "were"});
  for (std::size_t index = 0; index < std::min(all.size(), kRows + 1); ++index) {
    const Change& each = all[index];
    out.row(index == 0          ? "everything"
            : each.name.empty() ? "not known"
                                : each.name,
            {number(each.closures_now), number(each.closures_before), number(each.bad_now),
             number(each.bad_before), number(each.lost_now), number(each.lost_before)});
  }
  out.end_table();
  write_more(out, all.size() - 1);
}

}  // namespace

void write_page(Output& output, const Page& page) {
  Writer out(output);
  const ProcessReport all = page.report.all();
  const std::string title = fmt::format("closewatch: {} to {}", rfc3339(page.span.from_unix_ns, 0),
                                        rfc3339(page.span.to_unix_ns, 0));
  out.line("<!DOCTYPE html>");
  out.line("<html lang=\"en\"><head><meta charset=\"utf-8\">");
  out.line(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">");
  out.line("<meta name=\"viewport\" content=\"width=device-width\">");
  out.line(fmt::format("<title>{}</title><style>{}</style></head><body>", title, kStyle));
  out.line(fmt::format("<h1>{}</h1>", title));
  write_losses(out, page);
  write_summary(out, all);
  write_advice(out, page.report, all.tally);
  write_timeline(out, page.timeline);
  write_losers(out, page.report);
  write_peers(out, page.report);
  write_times(
      out, page.report, "Blocked in close()",
      "How long close() kept its caller: SO_LINGER with a positive time waits for the peer.",
      &CloseTally::blocked_us);
  write_times(out, page.report, "Completed in the background",
              "From close() to the end of the connection, after close() had returned.",
              &CloseTally::drain_us);
  write_listeners(out, page.report);
  write_changes(out, page);
  out.line("</body></html>");
}

}  // namespace closewatch
