// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/commands.h"
#include "userspace/daemon/serve.h"

namespace closewatch {

Result<> run_serve(const Options& options) {
  return serve({.config_path = options.file, .version = CLOSEWATCH_VERSION});
}

}  // namespace closewatch
