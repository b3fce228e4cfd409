// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/cli/commands.h"
#include "userspace/cli/filters.h"
#include "userspace/cli/live.h"
#include "userspace/cli/replay.h"
#include "userspace/cli/sinks.h"
#include "userspace/enrich/process_enricher.h"
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
      write_report_text(output, processes, span,
                        {.colour = wants_colour(STDOUT_FILENO), .charset = Charset::utf8});
      break;
  }
  output.flush();
}

// The kernel's totals since the last time they were asked for: it counts from its start.
class TotalsSince {
 public:
  Result<std::vector<ProcessTotals>> take(const Observer& observer) {
    auto totals = observer.totals();
    if (!totals.ok()) {
      return totals;
    }
    std::vector<ProcessTotals> since;
    for (const ProcessTotals& now : *totals) {
      ProcessTotals& before = before_[{now.process.pid, now.process.start_ns, now.other}];
      ProcessTotals step = now;
      step.closures -= before.closures;
      step.lost -= before.lost;
      step.discarded -= before.discarded;
      step.unread -= before.unread;
      before = now;
      if (step.closures > 0 || step.unread > 0) {
        since.push_back(step);
      }
    }
    return since;
  }

 private:
  std::map<std::tuple<std::uint32_t, std::uint64_t, bool>, ProcessTotals> before_;
};

// The kernel's totals cover everything; beside a selection they would say something else.
bool is_unfiltered(const FilterOptions& filter) {
  return filter.pids.empty() && filter.comms.empty() && filter.users.empty() &&
         filter.local_ports.empty() && filter.peer_ports.empty() && !filter.ipv4 && !filter.ipv6 &&
         filter.netns.empty() && filter.cgroup.empty() && filter.classes.empty() &&
         filter.reasons.empty() && !filter.abortive && !filter.lost;
}

std::int64_t unix_at(std::uint64_t boot_ns, const SourceContext& source) {
  return static_cast<std::int64_t>(boot_ns) + source.boot_to_unix_ns;
}

Result<> report_capture(const Options& options, Selection wanted) {
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
  ReplayEnd end;
  const ReportSpan from{.from_unix_ns = unix_at(reader->header().start_ns, source)};
  auto result = replay(
      *reader, pipeline, enricher, stacks, [] { return true; }, end);
  std::uint64_t until_ns = std::max(reader->header().start_ns, end.last_ns);
  if (end.trailer) {
    until_ns = end.trailer->end_ns;
    if (is_unfiltered(options.filter) && end.trailer->kernel.filtered == 0) {
      processes.set_totals(end.totals);
    }
  }
  if (options.view.format == Format::csv) {
    write_report_csv_header(output);
  }
  write_report(output, options.view.format, processes,
               {from.from_unix_ns, unix_at(until_ns, source)});
  print_output_account(output);
  if (result.ok() && output.error()) {
    return *output.error();
  }
  return result;
}

Result<> report_live(const Options& options, Selection wanted) {
  auto live = Live::start(options);
  if (!live.ok()) {
    return std::move(live).error();
  }
  const SourceContext source = live->source();
  Output output(STDOUT_FILENO);
  PerProcess processes;
  ProcessEnricher enricher(source.boot_to_unix_ns);
  Pipeline pipeline(source, std::move(wanted), enricher, {&processes});
  TotalsSince totals;
  if (options.view.format == Format::csv) {
    write_report_csv_header(output);
  }
  std::uint64_t from = boot_now_ns();
  std::optional<std::uint64_t> next;
  const auto interval = static_cast<std::uint64_t>(options.view.interval_s.value_or(0) * 1e9);
  if (interval > 0) {
    next = from + interval;
  }
  const auto report = [&](std::uint64_t now) -> Result<> {
    if (is_unfiltered(options.filter)) {
      const auto since = totals.take(live->observer());
      if (!since.ok()) {
        return since.error();
      }
      processes.set_totals(*since);
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
              reported = report(now);
              *next += (1 + (now - *next) / interval) * interval;
            }
            return reported.ok() && output.usable();
          },
      .due_ns = [&]() -> std::optional<std::uint64_t> {
        const auto held = pipeline.due_ns();
        return held && next ? std::min(*held, *next) : (held ? held : next);
      },
  };
  auto result = live->run(handlers);
  pipeline.finish();
  if (reported.ok() && output.usable()) {
    reported = report(boot_now_ns());
  }
  if (!options.view.quiet) {
    print_kernel_account(live->observer().account());
    print_pipeline_account(pipeline.counts());
  }
  print_output_account(output);
  if (result.ok()) {
    result = output.error() ? Result<>(*output.error()) : std::move(reported);
  }
  return result;
}

}  // namespace

Result<> run_report(const Options& options) {
  auto wanted = selection(options.filter);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  return options.file.empty() ? report_live(options, std::move(wanted).take())
                              : report_capture(options, std::move(wanted).take());
}

}  // namespace closewatch
