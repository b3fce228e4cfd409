// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/dry_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "userspace/alert/dry_run.h"
#include "userspace/base/clock.h"
#include "userspace/cli/replay.h"
#include "userspace/cli/sinks.h"
#include "userspace/cli/stored_filter.h"
#include "userspace/config/config.h"
#include "userspace/history/reader.h"
#include "userspace/observe/filters.h"
#include "userspace/render/json_value.h"
#include "userspace/render/output.h"

namespace closewatch {
namespace {

alert::DryRunFormat format_of(const Options& options) {
  return options.view.format == Format::json ? alert::DryRunFormat::json
                                             : alert::DryRunFormat::text;
}

Result<> over_capture(const Options& options, const Config& config) {
  auto wanted = selection(config.filter);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  auto kept = kept_filter(config.filter);
  if (!kept.ok()) {
    return std::move(kept).error();
  }
  auto reader = CaptureReader::open(options.dry_run);
  if (!reader.ok()) {
    return std::move(reader).error();
  }
  const SourceContext source = source_of(reader->header());
  Output output(STDOUT_FILENO);
  alert::DryRun dry_run(alert::engine_settings(config.alerts.settings, source.tick_ns), output,
                        format_of(options));
  StoredEnricher enricher;
  StoredStacks stacks;
  Pipeline pipeline(source, std::move(wanted).take(), enricher, {&dry_run});
  pipeline.keep(std::move(kept).take());
  ReplayEnd end;
  auto result = replay(
      *reader, pipeline, enricher, stacks, [&] { return output.usable(); }, end);
  dry_run.finish();
  output.flush();
  return ended(output, std::move(result));
}

// What a history knows of closures beside its rows.
struct Kept {
  ReportSpan span;
  std::uint64_t closures = 0;    // in the rollups
  std::uint64_t certain = 0;     // of these: that had a row whatever the settings were
  std::uint64_t blocked_us = 0;  // the longest of a graceful one, as far as it is known
  std::uint64_t attempts = 0;    // connections that never were
  std::uint64_t rows = 0;        // that are there
  std::uint64_t certain_rows = 0;

  [[nodiscard]] std::uint64_t plain_without_row() const {
    const std::uint64_t plain = closures - certain;
    return plain - std::min(plain, rows - certain_rows);
  }
  [[nodiscard]] std::uint64_t others_without_row() const {
    return certain - std::min(certain, certain_rows);
  }
};

using Each = std::function<void(const Finding&)>;

Result<> each_row(history::Reader& reader, const ReportSpan& span, const Each& take,
                  const history::Reader::Miss& miss) {
  return reader.closures(
      span,
      [&take](const Finding& finding) {
        take(finding);
        return true;
      },
      miss);
}

Result<Kept> what_is_kept(history::Reader& reader) {
  Kept kept;
  const std::int64_t now = boot_to_unix_ns() + static_cast<std::int64_t>(boot_now_ns());
  const auto coverage = reader.coverage({0, now});
  if (!coverage.ok()) {
    return coverage.error();
  }
  const std::int64_t until = std::max(now, coverage->closures_until_ns.value_or(0) + 1);
  const auto span = reader.whole({coverage->rollups_from_ns.value_or(now - 1), until});
  if (!span.ok()) {
    return span.error();
  }
  kept.span = *span;
  PerProcess all;
  if (auto read = reader.report(*span, all); !read.ok()) {
    return std::move(read).error();
  }
  PerProcess graceful;
  auto read = reader.report(*span, graceful, nullptr,
                            {.verdict = [](Class cls, Reason) { return cls == Class::graceful; }});
  if (!read.ok()) {
    return std::move(read).error();
  }
  const CloseTally plain = graceful.all().tally;
  kept.closures = all.all().tally.closures();
  kept.attempts = all.all().tally.of(Class::unestablished);
  kept.certain = kept.closures - plain.closures() + plain.lost_closures;
  kept.blocked_us = plain.blocked_us.max();
  read = each_row(
      reader, *span,
      [&kept](const Finding& finding) {
        if (finding.verdict.cls != Class::unestablished) {
          ++kept.rows;
          kept.certain_rows +=
              history::is_always_kept(finding.verdict.cls, finding.verdict.lost) ? 1 : 0;
        }
      },
      [](const history::Loss&) {});
  return read.ok() ? Result<Kept>(kept) : Result<Kept>(std::move(read).error());
}

// Whether a rule may want closures of a class that need not have a row.
bool may_want(const alert::Match& match, Class cls) {
  for (std::size_t index = 0; index < kReasonCount; ++index) {
    const auto reason = static_cast<Reason>(index);
    Selection how = match.selection;
    how.comms.clear();
    Verdict verdict;
    verdict.cls = cls;
    verdict.reason = reason;
    if (class_of(reason) == cls && how.wants({}, verdict)) {
      return true;
    }
  }
  return false;
}

// Why the rows cannot tell what a rule would have told; empty: they can.
std::string_view why_not(const alert::Rule& rule, const Kept& kept) {
  const Selection& how = rule.match.selection;
  const bool names_attempts = !(how.classes.empty() && how.reasons.empty());
  if (kept.attempts > 0 && names_attempts && may_want(rule.match, Class::unestablished)) {
    return "it counts connections that never were, which need not have a row";
  }
  if (kept.plain_without_row() == 0) {
    return "";
  }
  if (rule.measure == alert::Measure::share) {
    return "it is a share of all closures, graceful ones included";
  }
  if (!may_want(rule.match, Class::graceful)) {
    return "";
  }
  const auto& blocked = rule.match.blocked_at_least;
  if (blocked && kept.blocked_us < static_cast<std::uint64_t>(blocked->count()) * 1000) {
    return "";  // none of the graceful ones did
  }
  return "it counts graceful closures too";
}

void tell_kept(Output& output, alert::DryRunFormat format, const Kept& kept) {
  TextBuffer& out = output.buffer();
  if (format == alert::DryRunFormat::json) {
    put_time(out, R"({"v":1,"event":"history","from":)", kept.span.from_unix_ns);
    put_time(out, R"(,"to":)", kept.span.to_unix_ns);
    put(out, R"(,"closures":)", kept.closures);
    put(out, R"(,"rows":)", kept.rows);
    put(out, R"(,"graceful_without_row":)", kept.plain_without_row());
    put(out, R"(,"others_without_row":)", kept.others_without_row());
    out.push_back('}');
    output.end_line();
    return;
  }
  append(out, fmt::format("history: {} closures, {} of them with a row of their own; {} graceful "
                          "ones are only counted",
                          kept.closures, kept.rows, kept.plain_without_row()));
  output.end_line();
  if (kept.others_without_row() > 0) {
    append(out, fmt::format("not judged: {} other closures, whose rows were deleted or could not "
                            "be written",
                            kept.others_without_row()));
    output.end_line();
  }
}

void tell_not_judged(Output& output, alert::DryRunFormat format, const alert::Rule& rule,
                     std::string_view why) {
  TextBuffer& out = output.buffer();
  if (format == alert::DryRunFormat::json) {
    append(out, R"({"v":1,"event":"not_judged","rule":)");
    append_json_string(out, rule.name);
    append(out, R"(,"why":)");
    append_json_string(out, why);
    out.push_back('}');
  } else {
    append(out, fmt::format("not judged: rule {}: {}", rule.name, why));
  }
  output.end_line();
}

Result<> over_history(const Options& options, const Config& config) {
  const auto filter = StoredFilter::of(config.filter);
  if (!filter.ok()) {
    return filter.error();
  }
  auto reader = history::Reader::open(options.dry_run);
  if (!reader.ok()) {
    return std::move(reader).error();
  }
  const auto tick = reader->tick_ns();
  if (!tick.ok()) {
    return tick.error();
  }
  const auto kept = what_is_kept(*reader);
  if (!kept.ok()) {
    return kept.error();
  }
  Output output(STDOUT_FILENO);
  const alert::DryRunFormat format = format_of(options);
  tell_kept(output, format, *kept);
  alert::EngineSettings settings = alert::engine_settings(config.alerts.settings, *tick);
  std::erase_if(settings.rules, [&](const alert::Rule& rule) {
    const std::string_view why = why_not(rule, *kept);
    if (!why.empty()) {
      tell_not_judged(output, format, rule, why);
    }
    return !why.empty();
  });
  alert::DryRun dry_run(std::move(settings), output, format);
  auto read = each_row(
      *reader, kept->span,
      [&](const Finding& finding) {
        if (filter->wants(finding)) {
          dry_run.finding(finding);
        }
      },
      [&dry_run](const history::Loss& loss) {
        if (loss.kind == history::LossKind::ring || loss.kind == history::LossKind::queue) {
          dry_run.gap({.lost_records = loss.records.value_or(0), .since_unix_ns = loss.since_ns});
        }
      });
  dry_run.finish();
  return ended(output, std::move(read));
}

}  // namespace

Result<> dry_run_alerts(const Options& options) {
  auto config = options.file.empty() ? Result<Config>(Config{}) : load_config_once(options.file);
  if (!config.ok()) {
    return std::move(config).error();
  }
  return history::Reader::may_be_history(options.dry_run) ? over_history(options, *config)
                                                          : over_capture(options, *config);
}

}  // namespace closewatch
