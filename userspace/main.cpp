// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <exception>

#include "userspace/cli/commands.h"
#include "userspace/cli/options.h"
#include "userspace/render/streams.h"

namespace {

using closewatch::Command;
using closewatch::Options;
using closewatch::Result;

Result<> run(const Options& options) {
  switch (options.command) {
    case Command::trace:
      return closewatch::run_trace(options);
    case Command::report:
      return closewatch::run_report(options);
    case Command::pending:
      return closewatch::run_pending(options);
    case Command::explain:
      return closewatch::run_explain(options);
    case Command::record:
      return closewatch::run_record(options);
    case Command::replay:
      return closewatch::run_replay(options);
    case Command::doctor:
      return closewatch::run_doctor(options);
    case Command::demo:
      return closewatch::run_demo(options);
    case Command::serve:
      return closewatch::run_serve(options);
    case Command::completion:
      return closewatch::run_completion(options);
    case Command::version:
      return closewatch::run_version();
    case Command::check_config:
      return closewatch::run_check_config(options);
  }
  return {};
}

Result<> run(int argc, const char* const* argv) {
  const auto parsed = closewatch::parse_options(argc, argv);
  if (!parsed.ok()) {
    return parsed.error();
  }
  return parsed->options ? run(*parsed->options) : closewatch::print_out(parsed->text);
}

int fail(const closewatch::Error& error) {
  closewatch::print_message("error: ", error.what);
  if (!error.hint.empty()) {
    closewatch::print_message("hint:  ", error.hint);
  }
  return static_cast<int>(error.code);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is told by EPIPE,
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files by EFBIG
  closewatch::hold_standard_streams();
  try {
    const auto result = run(argc, argv);
    return result.ok() ? 0 : fail(result.error());
  } catch (const std::exception& exception) {
    return fail({.what = exception.what()});
  }
}
