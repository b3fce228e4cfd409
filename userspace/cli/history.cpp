// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/history.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "userspace/classify/explain.h"
#include "userspace/classify/meaning.h"
#include "userspace/cli/moments.h"
#include "userspace/cli/sinks.h"
#include "userspace/cli/stored_filter.h"
#include "userspace/history/reader.h"
#include "userspace/history/settings.h"
#include "userspace/html/page.h"
#include "userspace/render/endpoint_text.h"
#include "userspace/render/streams.h"
#include "userspace/render/time_text.h"
#include "userspace/report/report_compare.h"
#include "userspace/report/report_csv.h"
#include "userspace/report/report_json.h"
#include "userspace/report/report_text.h"
#include "userspace/report/text_lines.h"

namespace closewatch {
namespace {

Error misuse(std::string what, std::string hint) {
  return {.what = std::move(what), .hint = std::move(hint), .code = ExitCode::usage};
}

Result<history::Reader> open(const Options& options) {
  return history::Reader::open(options.history.file.empty() ? history::kDefaultPath
                                                            : options.history.file);
}

Result<ReportSpan> span_of(const HistoryOptions& options, std::int64_t now_ns) {
  ReportSpan span{0, now_ns};
  if (!options.since.empty()) {
    const auto since = moment_of(options.since, now_ns);
    if (!since.ok()) {
      return Error(since.error()).context("--since");
    }
    span.from_unix_ns = *since;
  }
  if (!options.until.empty()) {
    const auto until = moment_of(options.until, now_ns);
    if (!until.ok()) {
      return Error(until.error()).context("--until");
    }
    span.to_unix_ns = *until;
  }
  if (span.from_unix_ns >= span.to_unix_ns) {
    return misuse("--since is not before --until", "--until is by default the present");
  }
  return span;
}

Result<Grouping> grouping_of(const std::string& name) {
  for (std::size_t index = 0; index < kGroupingCount; ++index) {
    if (name.empty() || name_of(static_cast<Grouping>(index)) == name) {
      return static_cast<Grouping>(index);
    }
  }
  return misuse("--by: '" + name + "' is nothing to group by",
                "process, exe, cgroup, peer or port");
}

// What a reader should know of what the history does not hold, as lines for people.
Result<std::vector<std::string>> notes(history::Reader& reader, const ReportSpan& span) {
  std::vector<std::string> lines;
  const auto coverage = reader.coverage(span);
  if (!coverage.ok()) {
    return coverage.error();
  }
  const auto losses = reader.losses(span);
  if (!losses.ok()) {
    return losses.error();
  }
  if (coverage->rollups_from_ns && *coverage->rollups_from_ns > span.from_unix_ns &&
      span.from_unix_ns > 0) {
    lines.push_back("the history begins at " + rfc3339(*coverage->rollups_from_ns, 0));
  }
  for (const history::Loss& loss : *losses) {
    switch (loss.kind) {
      case history::LossKind::killed:
        lines.push_back(fmt::format("nothing was kept between {} and {}: {}",
                                    rfc3339(loss.since_ns, 0), rfc3339(loss.until_ns, 0),
                                    loss.note));
        break;
      case history::LossKind::clock:
      case history::LossKind::set_aside:
        lines.push_back(fmt::format("{}: {}", rfc3339(loss.since_ns, 0), loss.note));
        break;
      case history::LossKind::row:
        lines.push_back(fmt::format("{}: {} closures have no row of their own, only counts",
                                    rfc3339(loss.since_ns, 0), loss.records.value_or(0)));
        break;
      default:
        break;  // told by the report itself
    }
  }
  return lines;
}

// From the oldest that is kept, where no beginning was asked for.
Result<> begin_with_what_is_kept(history::Reader& reader, ReportSpan& span) {
  if (span.from_unix_ns > 0) {
    return {};
  }
  const auto coverage = reader.coverage(span);
  if (!coverage.ok()) {
    return coverage.error();
  }
  span.from_unix_ns =
      std::min(coverage->rollups_from_ns.value_or(span.to_unix_ns - 1), span.to_unix_ns - 1);
  return {};
}

struct Counted {
  ReportSpan span;
  PerProcess report;
  Timeline timeline;

  Counted(const ReportSpan& whole, Grouping grouping) : span(whole), report({}, grouping) {}
};

// The counts of a time into `counted`, which is empty.
Result<> count(history::Reader& reader, const ReportSpan& asked, Grouping grouping,
               const history::RollupFilter& filter, bool over_time,
               std::optional<Counted>& counted) {
  const auto whole = reader.whole(asked);
  if (!whole.ok()) {
    return whole.error();
  }
  counted.emplace(*whole, grouping);
  return reader.report(counted->span, counted->report, over_time ? &counted->timeline : nullptr,
                       filter);
}

void write(Output& output, Format format, const Counted& now, const Counted* before,
           const std::vector<std::string>& told) {
  switch (format) {
    case Format::json:
      write_report_json(output, now.report, now.span);
      if (before != nullptr) {
        write_report_json(output, before->report, before->span);
      }
      break;
    case Format::csv:
      write_report_csv_header(output);
      write_report_csv(output, now.report, now.span);
      if (before != nullptr) {
        write_report_csv(output, before->report, before->span);
      }
      break;
    case Format::html:
      write_page(output, {.report = now.report,
                          .span = now.span,
                          .timeline = now.timeline,
                          .before = before != nullptr ? &before->report : nullptr,
                          .before_span = before != nullptr ? before->span : ReportSpan{},
                          .notes = told});
      break;
    case Format::text:
      write_report_text(output, now.report, now.span,
                        {.colour = wants_colour(STDOUT_FILENO), .charset = Charset::utf8});
      if (before != nullptr) {
        write_comparison(output, now.report, before->report, before->span, Charset::utf8);
      }
      break;
  }
  output.flush();
}

}  // namespace

Result<> report_history(const Options& options, std::int64_t now_ns) {
  const auto stored = StoredFilter::of(options.filter);
  if (!stored.ok()) {
    return stored.error();
  }
  const auto filter = stored->of_rollups();
  if (!filter.ok()) {
    return filter.error();
  }
  auto span = span_of(options.history, now_ns);
  const auto grouping = grouping_of(options.history.by);
  if (!span.ok() || !grouping.ok()) {
    return span.ok() ? grouping.error() : span.error();
  }
  std::int64_t earlier = 0;
  if (!options.history.compare.empty()) {
    const std::string& with = options.history.compare;
    const auto distance = duration_of(with == "yesterday" ? "24h" : with);
    if (!distance.ok()) {
      Error error = Error(distance.error()).context("--compare");
      error.hint = "write yesterday, or how much earlier: 24h, 7d, 2w";
      return error;
    }
    earlier = *distance;
  }
  auto reader = open(options);
  if (!reader.ok()) {
    return std::move(reader).error();
  }
  if (auto begun = begin_with_what_is_kept(*reader, *span); !begun.ok()) {
    return begun;
  }
  std::optional<Counted> now;
  const bool over_time = options.view.format == Format::html;
  if (auto read = count(*reader, *span, *grouping, *filter, over_time, now); !read.ok()) {
    return read;
  }
  std::optional<Counted> before;
  if (earlier > 0) {
    const ReportSpan then{span->from_unix_ns - earlier, span->to_unix_ns - earlier};
    if (auto read = count(*reader, then, *grouping, *filter, false, before); !read.ok()) {
      return read;
    }
  }
  auto told = notes(*reader, now->span);
  if (!told.ok()) {
    return told.error();
  }
  if (before) {
    auto of_before = notes(*reader, before->span);
    if (!of_before.ok()) {
      return of_before.error();
    }
    for (std::string& line : *of_before) {
      if (std::find(told->begin(), told->end(), line) == told->end()) {
        told->push_back(std::move(line));
      }
    }
  }
  for (const NotKept& each : now->report.losses().not_kept) {
    if (each.kind == "not_told_apart") {
      told->push_back(fmt::format(
          "{} closures are left out: more ended in their minutes than the history tells apart, so "
          "it is not known which of them the filters want",
          each.records.value_or(0)));
    }
  }
  if (filter->lost) {
    told->push_back("how long closures took is not known of those alone that lost bytes");
  }
  if (!options.view.quiet) {
    for (const std::string& line : *told) {
      TextBuffer text;
      append_terminal_text(text, line, Charset::utf8);
      notice("closewatch: {}\n", view_of(text));
    }
  }
  Output output(STDOUT_FILENO);
  write(output, options.view.format, *now, before ? &*before : nullptr, *told);
  return ended(output);
}

Result<> trace_history(const Options& options, std::int64_t now_ns) {
  const auto span = span_of(options.history, now_ns);
  if (!span.ok()) {
    return span.error();
  }
  const auto filter = StoredFilter::of(options.filter);
  if (!filter.ok()) {
    return filter.error();
  }
  auto reader = open(options);
  if (!reader.ok()) {
    return std::move(reader).error();
  }
  const auto tick = reader->tick_ns();
  if (!tick.ok()) {
    return tick.error();
  }
  Output output(STDOUT_FILENO);
  const auto sink = make_sink(options.view, *tick, output);
  std::uint64_t left = options.view.count.value_or(std::numeric_limits<std::uint64_t>::max());
  std::uint64_t given = 0;
  std::uint64_t lost = 0;
  auto read = reader->closures(
      *span,
      [&](const Finding& finding) {
        if (filter->wants(finding)) {
          sink->finding(finding);
          ++given;
          --left;
        }
        return left > 0 && output.usable();
      },
      [&](const history::Loss& loss) {
        if (loss.kind == history::LossKind::ring || loss.kind == history::LossKind::queue ||
            loss.kind == history::LossKind::row) {
          sink->gap({.lost_records = loss.records.value_or(0), .since_unix_ns = loss.since_ns});
          lost += loss.records.value_or(0);
        }
      });
  sink->flush();
  if (!options.view.quiet) {
    notice(
        "closewatch: {} {} with a row of its own, {} lost; graceful ones have rows within a budget "
        "only, closewatch report counts them all\n",
        given, given == 1 ? "closure" : "closures, each", lost);
  }
  return ended(output, std::move(read));
}

Result<> explain_closure(const Options& options) {
  const auto key = history::closure_named(options.subject);
  auto reader = open(options);
  if (!reader.ok()) {
    return std::move(reader).error();
  }
  const auto found = reader->closure(*key);
  if (!found.ok()) {
    return found.error();
  }
  if (!*found) {
    return Error{.what = "no closure " + options.subject + " in the history",
                 .hint =
                     "it is older than what is kept, or was graceful and beyond the budget of "
                     "rows; trace --history lists those that are there"};
  }
  const Finding& finding = **found;
  const Closure& closure = finding.closure;
  Output output(STDOUT_FILENO);
  TextBuffer title;
  append_rfc3339(title, finding.end_unix_ns, 3);
  append(title, "  ");
  append_endpoint(title, closure.local);
  append(title, " to ");
  append_endpoint(title, closure.peer);
  append(output.buffer(), view_of(title));
  output.end_line();
  TextBuffer who;
  if (closure.process.known()) {
    append_number(who, closure.process.pid);
    who.push_back(' ');
    append_terminal_text(who, closure.process.comm(), Charset::utf8);
    if (finding.process.cgroup) {
      append(who, "  ");
      append_terminal_text(who, *finding.process.cgroup, Charset::utf8);
    }
  } else {
    append(who, "process not known");
  }
  append(output.buffer(), view_of(who));
  output.end_line();
  append(output.buffer(), name_of(finding.verdict.cls));
  append(output.buffer(), ", ");
  append(output.buffer(), name_of(finding.verdict.reason));
  output.end_line();
  write_wrapped(output, 4, explain(closure, finding.verdict));
  const std::string_view advice = explanation_of(finding.verdict.reason).advice;
  if (!advice.empty()) {
    write_wrapped(output, 4, advice);
  }
  output.flush();
  return ended(output);
}

}  // namespace closewatch
