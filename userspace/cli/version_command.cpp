// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/commands.h"
#include "userspace/observe/live.h"
#include "userspace/render/streams.h"

namespace closewatch {

Result<> run_version() {
  std::string text = "closewatch " CLOSEWATCH_VERSION "\n";
  const auto live = Live::start({}, {});
  if (live.ok()) {
    const AttachPlan& plan = live->observer().plan();
    text += fmt::format("hooks: {}\n", name_of(plan.set));
    for (const std::string& line : plan.degradations()) {
      text += fmt::format("degraded: {}\n", line);
    }
  }
  if (auto printed = print_out(text); !printed.ok()) {
    return printed;
  }
  return live.ok() ? Result<>() : live.error();
}

}  // namespace closewatch
