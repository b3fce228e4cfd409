// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/report_compare.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "userspace/render/columns.h"
#include "userspace/render/time_text.h"
#include "userspace/report/text_lines.h"

namespace closewatch {
namespace {

constexpr std::size_t kLines = 12;
constexpr Column kColumns[] = {
    {"", 16},
    {"CLOSURES", 8, Align::right},
    {"WAS", 8, Align::right},
    {"BAD", 8, Align::right},
    {"WAS", 8, Align::right},
    {"BYTES LOST", 10, Align::right},
    {"WAS", 8, Align::right},
};

std::string name_in(const ProcessReport& report) {
  return report.process.known() ? std::string(report.process.comm()) : report.group.value_or("");
}

std::uint64_t bad_in(const CloseTally& tally) {
  return tally.of(Class::abortive) + tally.of(Class::timed_out);
}

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

auto size_of(const Change& change) {
  return std::tuple(distance(change.lost_now, change.lost_before),
                    distance(change.bad_now, change.bad_before),
                    distance(change.closures_now, change.closures_before));
}

void add_now(Change& change, const ProcessReport& report) {
  change.closures_now += report.closures();
  change.bad_now += bad_in(report.tally);
  change.lost_now += report.discarded() + report.unread();
}

void add_before(Change& change, const ProcessReport& report) {
  change.closures_before += report.closures();
  change.bad_before += bad_in(report.tally);
  change.lost_before += report.discarded() + report.unread();
}

void write_row(Output& output, const Change& change, std::string_view name, Charset charset) {
  ColumnRow row(output.buffer(), kColumns, true);
  row.cell([&](TextBuffer& out) { append_terminal_text(out, name, charset); });
  for (const std::uint64_t value : {change.closures_now, change.closures_before, change.bad_now,
                                    change.bad_before, change.lost_now, change.lost_before}) {
    row.cell(std::string_view(count_text(value)));
  }
  output.end_line();
}

}  // namespace

std::vector<Change> changes(const PerProcess& now, const PerProcess& before) {
  std::map<std::string, Change> by_name;
  for (const ProcessReport& report : now.processes()) {
    add_now(by_name[name_in(report)], report);
  }
  for (const ProcessReport& report : before.processes()) {
    add_before(by_name[name_in(report)], report);
  }
  std::vector<Change> all(1);
  add_now(all.front(), now.all());
  add_before(all.front(), before.all());
  for (auto& [name, change] : by_name) {
    change.name = name;
    all.push_back(std::move(change));
  }
  std::stable_sort(all.begin() + 1, all.end(),
                   [](const Change& a, const Change& b) { return size_of(a) > size_of(b); });
  return all;
}

void write_comparison(Output& output, const PerProcess& now, const PerProcess& before,
                      const ReportSpan& before_span, Charset charset) {
  TextBuffer title;
  append(title, "Compared with ");
  append_rfc3339(title, before_span.from_unix_ns, 0);
  append(title, " to ");
  append_rfc3339(title, before_span.to_unix_ns, 0);
  output.end_line();
  write_line(output, view_of(title));
  append_titles(output.buffer(), kColumns);
  output.end_line();
  const std::vector<Change> all = changes(now, before);
  for (std::size_t index = 0; index < std::min(all.size(), kLines); ++index) {
    const std::string& name = all[index].name;
    write_row(output, all[index],
              index == 0     ? "all"
              : name.empty() ? "(not known)"
                             : name,
              charset);
  }
  if (all.size() > kLines) {
    write_line(output, fmt::format("and {} that changed less", all.size() - kLines));
  }
}

}  // namespace closewatch
