// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/cli/commands.h"
#include "userspace/cli/history.h"
#include "userspace/cli/replay.h"
#include "userspace/cli/sinks.h"
#include "userspace/enrich/process_enricher.h"
#include "userspace/observe/filters.h"
#include "userspace/observe/live.h"
#include "userspace/report/per_process.h"
#include "userspace/report/report_csv.h"
#include "userspace/report/report_json.h"
#include "userspace/report/report_text.h"

namespace closewatch {
namespace {

void write_report(Output& output, Format format, const PerProcess& processes,
                  const ReportSpan& span) {
  switch (format) {
    case Format::json:
      write_report_json(output, processes, span);
      break;
    case Format::csv:
      write_report_csv(output, processes, span);
      break;
    case Format::text:
    case Format::html:  // refused before
      write_report_text(output, processes, span,
                        {.colour = wants_colour(STDOUT_FILENO), .charset = Charset::utf8});
      break;
  }
  output.flush();
}

// The kernel's totals are of what its filters left, and know no verdict; beside a narrower
// selection they would say something else.
bool by_verdict(const FilterOptions& filter) {
  return !filter.comms.empty() || !filter.classes.empty() || !filter.reasons.empty() ||
         filter.abortive || filter.lost;
}

bool is_unfiltered(const FilterOptions& filter) {
  return filter.pids.empty() && filter.users.empty() && filter.local_ports.empty() &&
         filter.peer_ports.empty() && !filter.ipv4 && !filter.ipv6 && filter.netns.empty() &&
         filter.cgroup.empty() && !by_verdict(filter);
}

std::int64_t unix_at(std::uint64_t boot_ns, const SourceContext& source) {
  return static_cast<std::int64_t>(boot_ns) + source.boot_to_unix_ns;
}

Result<> report_capture(const Options& options, Selection wanted) {
  auto kept = kept_filter(options.filter);
  if (!kept.ok()) {
    return std::move(kept).error();
  }
  auto reader = CaptureReader::open(options.file);
  if (!reader.ok()) {
    return std::move(reader).error();
  }
  const SourceContext source = source_of(reader->header());
  Output output(STDOUT_FILENO);
  PerProcess processes;
  StoredEnricher enricher;
  StoredStacks stacks;  // not shown
  Pipeline pipeline(source, std::move(wanted), enricher, {&processes});
  pipeline.keep(std::move(kept).take());
  ReplayEnd end;
  const ReportSpan from{.from_unix_ns = unix_at(reader->header().start_ns, source)};
  auto result = replay(
      *reader, pipeline, enricher, stacks, [] { return true; }, end);
  std::uint64_t until_ns = std::max(reader->header().start_ns, end.last_ns);
  if (end.trailer) {
    until_ns = end.trailer->end_ns;
    if (is_unfiltered(options.filter)) {
      processes.set_totals(end.totals);
    }
  }
  if (options.view.format == Format::csv) {
    write_report_csv_header(output);
  }
  write_report(output, options.view.format, processes,
               {from.from_unix_ns, unix_at(until_ns, source)});
  return ended(output, std::move(result));
}

Result<> report_live(const Options& options, Selection wanted) {
  KernelOptions kernel = options.kernel;
  kernel.totals = !by_verdict(options.filter);
  auto live = Live::start(options.filter, kernel);
  if (!live.ok()) {
    return std::move(live).error();
  }
  print_watching(*live, options.kernel.verbose);
  const SourceContext source = live->source();
  Output output(STDOUT_FILENO);
  PerProcess processes;
  ProcessEnricher enricher(source.boot_to_unix_ns);
  Pipeline pipeline(source, std::move(wanted), enricher, {&processes});
  if (options.view.format == Format::csv) {
    write_report_csv_header(output);
  }
  std::uint64_t from = boot_now_ns();
  std::optional<std::uint64_t> next;
  const auto interval = static_cast<std::uint64_t>(options.view.interval_s.value_or(0) * 1e9);
  if (interval > 0) {
    next = from + interval;
  }
  const auto report = [&](std::uint64_t now, bool last) -> Result<> {
    if (kernel.totals) {
      const auto totals = live->observer().take_totals();
      if (!totals.ok()) {
        return totals.error();
      }
      processes.set_totals(*totals);
      if (!last) {
        processes.postpone_unread();
      }
    }
    write_report(output, options.view.format, processes,
                 {unix_at(from, source), unix_at(now, source)});
    processes.clear();
    from = now;
    return {};
  };
  Result<> reported;
  const WatchHandlers handlers{
      .record = [&](std::span<const std::byte> bytes) { pipeline.record(bytes); },
      .gap = [&](std::uint64_t lost, std::uint64_t since) { pipeline.gap(lost, since); },
      .batch_end =
          [&](std::uint64_t now) {
            pipeline.batch_end(now);
            if (next && now >= *next) {
              reported = report(now, false);
              *next += (1 + (now - *next) / interval) * interval;
            }
            return reported.ok() && output.usable();
          },
      .due_ns = [&]() -> std::optional<std::uint64_t> {
        const auto held = pipeline.due_ns();
        return held && next ? std::min(*held, *next) : (held ? held : next);
      },
  };
  auto result = live->run(handlers, options.view.duration_s);
  pipeline.finish();
  if (reported.ok() && output.usable()) {
    reported = report(boot_now_ns(), true);
  }
  if (!options.view.quiet) {
    print_account(kernel_account(live->observer().account()));
    print_account(pipeline_account(pipeline.counts()));
  }
  return ended(output, result.ok() ? std::move(reported) : std::move(result));
}

}  // namespace

Result<> run_report(const Options& options) {
  if (options.history.wanted && !options.file.empty()) {
    return Error{.what = "a report is of a capture or of a history, not of both",
                 .hint = "a history file is named with --history",
                 .code = ExitCode::usage};
  }
  if (options.history.wanted) {
    return report_history(options, boot_to_unix_ns() + static_cast<std::int64_t>(boot_now_ns()));
  }
  if (options.view.format == Format::html) {
    return Error{.what = "-o html is a report over a history",
                 .hint = "add --since, for example --since 24h",
                 .code = ExitCode::usage};
  }
  auto wanted = selection(options.filter);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  return options.file.empty() ? report_live(options, std::move(wanted).take())
                              : report_capture(options, std::move(wanted).take());
}

}  // namespace closewatch
