// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/commands.h"
#include "userspace/config/config.h"
#include "userspace/render/escape.h"
#include "userspace/render/streams.h"

namespace closewatch {

Result<> run_check_config(const Options& options) {
  auto config = load_config_once(options.file);
  if (!config.ok()) {
    return std::move(config).error();
  }
  TextBuffer text;
  append_terminal_text(text, options.file == "-" ? "standard input" : options.file, Charset::utf8);
  append(text, ": nothing is wrong with it\n");
  return print_out(view_of(text));
}

}  // namespace closewatch
