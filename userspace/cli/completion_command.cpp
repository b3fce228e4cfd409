// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "userspace/cli/commands.h"
#include "userspace/cli/completion.h"

namespace closewatch {

Result<> run_completion(const Options& options) {
  const std::vector<CompletedCommand> commands = completed_commands();
  fmt::print("{}", options.subject == "bash"  ? bash_completion(commands)
                   : options.subject == "zsh" ? zsh_completion(commands)
                                              : fish_completion(commands));
  return {};
}

}  // namespace closewatch
