// SPDX-License-Identifier: Apache-2.0
// The command line, parsed: plain data, one struct per group of options that several commands
// share. Names and meanings are the contract of design.md section 4 and closewatch(8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "userspace/base/result.h"

namespace closewatch {

enum class Command { trace, report, pending, explain, record, replay, doctor, demo };
enum class Format { text, json, csv, html };

// Which closures. What can act in the kernel does.
struct FilterOptions {
  std::vector<std::uint32_t> pids;
  std::vector<std::string> comms;  // shell patterns
  std::vector<std::string> users;  // names or numbers
  std::vector<std::uint16_t> local_ports;
  std::vector<std::uint16_t> peer_ports;
  bool ipv4 = false;
  bool ipv6 = false;
  std::string netns;   // path or inode:N; empty any
  std::string cgroup;  // path; empty any
  std::vector<std::string> classes;
  std::vector<std::string> reasons;
  bool abortive = false;
  bool lost = false;
  bool unestablished = false;
};

struct ViewOptions {
  Format format = Format::text;
  bool timestamp = false;
  bool wide = false;
  std::optional<double> duration_s;
  std::optional<double> interval_s;
  std::optional<std::uint64_t> count;
  bool quiet = false;
};

struct KernelOptions {
  std::string hooks = "auto";  // auto, full or base
  std::uint32_t ring_bytes = 4U << 20;
  bool stacks = false;
  bool verbose = false;
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
  std::string file;     // record, replay, report: a capture
  bool force = false;   // record: overwrite
  std::string subject;  // explain: a class, a reason or the id of a closure; empty all
  std::string only;     // demo: one reason
};

// What main does next: run the options, or print `text` and leave with `code`.
struct Parsed {
  std::optional<Options> options;
  std::string text;  // help or version, for stdout
};

// Errors: ExitCode::usage with a hint.
Result<Parsed> parse_options(int argc, const char* const* argv);

}  // namespace closewatch
