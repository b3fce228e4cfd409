// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>

#include "userspace/base/clock.h"
#include "userspace/cli/commands.h"
#include "userspace/cli/history.h"
#include "userspace/cli/sinks.h"
#include "userspace/enrich/live_stacks.h"
#include "userspace/enrich/process_enricher.h"
#include "userspace/observe/filters.h"
#include "userspace/observe/live.h"

namespace closewatch {

Result<> run_trace(const Options& options) {
  if (options.history.wanted) {
    return trace_history(options, boot_to_unix_ns() + static_cast<std::int64_t>(boot_now_ns()));
  }
  auto wanted = selection(options.filter);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  auto live = Live::start(options.filter, options.kernel);
  if (!live.ok()) {
    return std::move(live).error();
  }
  print_watching(*live, options.kernel.verbose);
  const SourceContext source = live->source();
  Output output(STDOUT_FILENO);
  const auto sink = make_sink(options.view, source.tick_ns, output);
  ProcessEnricher enricher(source.boot_to_unix_ns);
  LiveStacks stacks(live->stacks());
  Pipeline pipeline(source, std::move(wanted).take(), enricher, {sink.get()});
  if (options.kernel.stacks) {
    pipeline.show(stacks);
  }
  pipeline.limit(options.view.count);
  const WatchHandlers handlers{
      .record = [&](std::span<const std::byte> bytes) { pipeline.record(bytes); },
      .gap = [&](std::uint64_t lost, std::uint64_t since) { pipeline.gap(lost, since); },
      .batch_end =
          [&](std::uint64_t now) {
            pipeline.batch_end(now);
            return output.usable() && !pipeline.limit_reached();
          },
      .due_ns = [&] { return pipeline.due_ns(); },
  };
  auto result = live->run(handlers, options.view.duration_s);
  pipeline.finish();
  if (!options.view.quiet) {
    print_account(kernel_account(live->observer().account()));
    print_account(pipeline_account(pipeline.counts()));
  }
  return ended(output, std::move(result));
}

}  // namespace closewatch
