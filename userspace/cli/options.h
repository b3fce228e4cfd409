// SPDX-License-Identifier: Apache-2.0
// The command line, parsed: plain data, one struct per group of options that several commands
// share. Names and meanings are the contract of design.md section 4 and closewatch(8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/cli/completion.h"
#include "userspace/observe/options.h"

namespace closewatch {

enum class Command {
  trace,
  report,
  pending,
  explain,
  record,
  replay,
  serve,
  check_config,
  doctor,
  demo,
  completion,
  version  // with what would run; alone it is text
};
enum class Format { text, json, csv, html };

struct ViewOptions {
  Format format = Format::text;
  bool timestamp = false;
  bool wide = false;
  std::optional<double> duration_s;
  std::optional<double> interval_s;
  std::optional<std::uint64_t> count;
  bool quiet = false;
};

// A history file instead of the host, for trace, report and explain.
struct HistoryOptions {
  bool wanted = false;
  std::string file;  // empty: where the daemon keeps it
  std::string since;
  std::string until;
  std::string by;       // report
  std::string compare;  // report
};

struct Options {
  Command command = Command::trace;
  FilterOptions filter;
  ViewOptions view;
  KernelOptions kernel;
  HistoryOptions history;
  std::string file;     // record, replay, report: a capture; serve, check-config: a configuration
  std::string dry_run;  // serve: a capture or history to run the rules over
  bool force = false;   // record: overwrite
  std::string
      subject;  // explain: a class, a reason or the id of a closure, empty all; completion: a shell
  std::string only;  // demo: one reason
};

// What main does next: run the options, or print `text` and leave with `code`.
struct Parsed {
  std::optional<Options> options;
  std::string text;  // help or version, for stdout
};

// Errors: ExitCode::usage with a hint.
Result<Parsed> parse_options(int argc, const char* const* argv);

// Every command with its options, for the shells.
std::vector<CompletedCommand> completed_commands();

}  // namespace closewatch
