// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/commands.h"
#include "userspace/cli/dry_run.h"
#include "userspace/daemon/serve.h"

namespace closewatch {

Result<> run_serve(const Options& options) {
  return options.dry_run.empty()
             ? serve({.config_path = options.file, .version = CLOSEWATCH_VERSION})
             : dry_run_alerts(options);
}

}  // namespace closewatch
