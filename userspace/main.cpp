// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <csignal>
#include <cstdio>

#include "userspace/cli/commands.h"
#include "userspace/cli/options.h"

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
    case Command::check_config:
      return closewatch::run_check_config(options);
  }
  return {};
}

int fail(const closewatch::Error& error) {
  fmt::print(stderr, "error: {}\n", error.what);
  if (!error.hint.empty()) {
    fmt::print(stderr, "hint:  {}\n", error.hint);
  }
  return static_cast<int>(error.code);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is told by EPIPE
  const auto parsed = closewatch::parse_options(argc, argv);
  if (!parsed.ok()) {
    return fail(parsed.error());
  }
  if (!parsed->options) {
    fmt::print("{}", parsed->text);
    return 0;
  }
  const auto result = run(*parsed->options);
  return result.ok() ? 0 : fail(result.error());
}
