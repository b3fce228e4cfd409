// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/commands.h"
#include "userspace/config/config.h"

namespace closewatch {

Result<> run_check_config(const Options& options) {
  auto config = load_config(options.file);
  if (!config.ok()) {
    return std::move(config).error();
  }
  fmt::print("{}: nothing is wrong with it\n", options.file);
  return {};
}

}  // namespace closewatch
