// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "userspace/cli/commands.h"
#include "userspace/cli/replay.h"
#include "userspace/cli/sinks.h"
#include "userspace/observe/filters.h"
#include "userspace/observe/live.h"

namespace closewatch {

Result<> run_replay(const Options& options) {
  auto wanted = selection(options.filter);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
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
  const auto sink = make_sink(options.view, source.tick_ns, output);
  StoredEnricher enricher;
  StoredStacks stacks;
  Pipeline pipeline(source, std::move(wanted).take(), enricher, {sink.get()});
  pipeline.keep(std::move(kept).take());
  pipeline.show(stacks);
  pipeline.limit(options.view.count);
  ReplayEnd end;
  auto result = replay(
      *reader, pipeline, enricher, stacks,
      [&] { return output.usable() && !pipeline.limit_reached(); }, end);
  if (!options.view.quiet) {
    if (end.trailer) {
      print_account(kernel_account(end.trailer->kernel));
    }
    print_account(pipeline_account(pipeline.counts()));
  }
  return ended(output, std::move(result));
}

}  // namespace closewatch
