// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/commands.h"
#include "userspace/cli/completion.h"
#include "userspace/render/streams.h"

namespace closewatch {

Result<> run_completion(const Options& options) {
  const std::vector<CompletedCommand> commands = completed_commands();
  return print_out(options.subject == "bash"  ? bash_completion(commands)
                   : options.subject == "zsh" ? zsh_completion(commands)
                                              : fish_completion(commands));
}

}  // namespace closewatch
