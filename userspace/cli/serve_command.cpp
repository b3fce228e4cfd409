// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "userspace/alert/dry_run.h"
#include "userspace/cli/commands.h"
#include "userspace/cli/replay.h"
#include "userspace/daemon/serve.h"
#include "userspace/observe/filters.h"
#include "userspace/render/output.h"

namespace closewatch {
namespace {

// The rules of the configuration over the closures of a capture that it observes.
Result<> dry_run_alerts(const Options& options) {
  auto config = options.file.empty() ? Result<Config>(Config{}) : load_config(options.file);
  if (!config.ok()) {
    return std::move(config).error();
  }
  auto wanted = selection(config->filter);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  auto reader = CaptureReader::open(options.dry_run);
  if (!reader.ok()) {
    return std::move(reader).error();
  }
  const SourceContext source = source_of(reader->header());
  const alert::Settings& settings = config->alerts.settings;
  Output output(STDOUT_FILENO);
  alert::DryRun dry_run(
      {.rules = alert::effective_rules(settings),
       .storm = settings.storm,
       .refresh = settings.refresh,
       .tick_ns = source.tick_ns},
      output,
      options.view.format == Format::json ? alert::DryRunFormat::json : alert::DryRunFormat::text);
  StoredEnricher enricher;
  StoredStacks stacks;
  Pipeline pipeline(source, std::move(wanted).take(), enricher, {&dry_run});
  ReplayEnd end;
  auto result = replay(
      *reader, pipeline, enricher, stacks, [&] { return output.usable(); }, end);
  dry_run.finish();
  output.flush();
  if (result.ok() && output.error()) {
    return *output.error();
  }
  return result;
}

}  // namespace

Result<> run_serve(const Options& options) {
  return options.dry_run.empty()
             ? serve({.config_path = options.file, .version = CLOSEWATCH_VERSION})
             : dry_run_alerts(options);
}

}  // namespace closewatch
