// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/options.h"

#include <CLI/CLI.hpp>
#include <array>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "userspace/classify/verdict.h"
#include "userspace/report/grouping.h"

namespace closewatch {
namespace {

constexpr const char* kVersion = "closewatch " CLOSEWATCH_VERSION;

struct CommandName {
  Command command;
  const char* name;
  const char* text;
};

constexpr std::array kCommands{
    CommandName{Command::trace, "trace", "Each closure as it ends (the default command)"},
    CommandName{Command::report, "report", "Close behaviour per process; live or of a capture"},
    CommandName{Command::pending, "pending", "Closes that still run in the background"},
    CommandName{Command::explain, "explain", "What a class or reason means, and what to do"},
    CommandName{Command::record, "record", "Raw records to a capture file"},
    CommandName{Command::replay, "replay", "What trace would have shown, from a capture file"},
    CommandName{Command::serve, "serve", "The daemon: takes every closure to its sinks"},
    CommandName{Command::check_config, "check-config", "What is wrong with a configuration"},
    CommandName{Command::doctor, "doctor", "What this system allows, and how to mend it"},
    CommandName{Command::demo, "demo", "One closure of every kind, and what is said of it"},
    CommandName{Command::completion, "completion", "What a shell completes: bash, zsh or fish"},
};

// "4M", "64k", "65536" to bytes.
std::string ring_size(std::string& text) {
  std::uint64_t unit = 1;
  std::string digits = text;
  if (!digits.empty() && (digits.back() == 'k' || digits.back() == 'K')) {
    unit = 1ULL << 10;
  } else if (!digits.empty() && (digits.back() == 'm' || digits.back() == 'M')) {
    unit = 1ULL << 20;
  }
  if (unit > 1) {
    digits.pop_back();
  }
  std::uint64_t bytes = 0;
  if (!CLI::detail::lexical_cast(digits, bytes) || bytes > (1ULL << 30)) {
    return "a size such as 256k or 4M is expected, not '" + text + "'";
  }
  bytes *= unit;
  if (bytes < 4096 || bytes > (1ULL << 30) || (bytes & (bytes - 1)) != 0) {
    return "the size must be a power of two from 4k to 1024M, not '" + text + "'";
  }
  text = std::to_string(bytes);
  return {};
}

// An empty word is a variable that was not set, not a wish for everything.
std::string not_empty(std::string& text) { return text.empty() ? "it is empty" : ""; }

// A number of seconds that is also one of nanoseconds.
std::string seconds(std::string& text) {
  constexpr double kLeast = 0.001;
  constexpr double kMost = 1e9;
  double value = 0;
  return CLI::detail::lexical_cast(text, value) && value >= kLeast && value <= kMost
             ? ""
             : "seconds from 0.001 to 1000000000 are expected, not '" + text + "'";
}

std::string some(std::string& text) {
  std::uint64_t value = 0;
  return CLI::detail::lexical_cast(text, value) && value > 0 && text[0] != '-'
             ? ""
             : "a whole number from 1 is expected, not '" + text + "'";
}

std::string port(std::string& text) {
  std::uint16_t value = 0;
  return CLI::detail::lexical_cast(text, value) && value > 0
             ? ""
             : "a port from 1 to 65535 is expected, not '" + text + "'";
}

std::string pid(std::string& text) {
  std::uint32_t value = 0;
  return CLI::detail::lexical_cast(text, value) ? "" : "a pid is expected, not '" + text + "'";
}

constexpr const char* kWhich = "Which closures";

// `-L 80,443` and `-L 80 -L 443`; the word after is not part of it.
template <typename List>
CLI::Option* add_list(CLI::App& app, const char* name, List& list, const char* text,
                      const char* element, std::string (*check)(std::string&)) {
  return app.add_option(name, list, text)
      ->option_text(element)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Validator(check, ""))
      ->group(kWhich);
}

CLI::Option* add_word(CLI::App& app, const char* name, std::string& word, const char* text,
                      const char* element) {
  return app.add_option(name, word, text)
      ->option_text(element)
      ->check(CLI::Validator(not_empty, ""));
}

void add_names(CLI::App& app, FilterOptions& filter) {
  add_list(app, "-c,--comm", filter.comms, "Process names; shell patterns", "NAME,...", not_empty);
}

// Of any connection, also one that has not ended.
void add_connection_filters(CLI::App& app, FilterOptions& filter) {
  add_list(app, "-p,--pid", filter.pids, "Processes, by pid", "PID,...", pid);
  add_list(app, "-u,--uid", filter.users, "Users, by name or number", "USER,...", not_empty);
  add_list(app, "-L,--lport", filter.local_ports, "Local ports", "PORT,...", port);
  add_list(app, "-D,--rport", filter.peer_ports, "Remote ports", "PORT,...", port);
  app.add_flag("-4,--ipv4", filter.ipv4, "IPv4 only (v4-mapped sockets count as IPv4)")
      ->group(kWhich);
  app.add_flag("-6,--ipv6", filter.ipv6, "IPv6 only")->group(kWhich);
  add_word(app, "-N,--netns", filter.netns, "Network namespace: a path, or inode:N", "NETNS")
      ->group(kWhich);
  add_word(app, "--cgroup", filter.cgroup, "Processes in this cgroup (v2) and below", "PATH")
      ->group(kWhich);
}

// Those that act in the kernel, and over what was kept as they do there.
void add_kernel_filters(CLI::App& app, FilterOptions& filter) {
  add_connection_filters(app, filter);
  app.add_flag("--unestablished", filter.unestablished, "Also attempts that became no connection")
      ->group(kWhich);
}

// Those that need the verdict.
void add_verdict_filters(CLI::App& app, FilterOptions& filter) {
  add_names(app, filter);
  add_list(app, "--class", filter.classes, "Classes, for example timed_out", "CLASS,...",
           not_empty);
  add_list(app, "--reason", filter.reasons, "Reasons, for example unread_data", "REASON,...",
           not_empty);
  app.add_flag("-x,--abortive", filter.abortive, "Abortive closures only")->group(kWhich);
  app.add_flag("--lost", filter.lost, "Closures that lost bytes only")->group(kWhich);
}

using Formats = std::vector<std::pair<std::string, Format>>;

// By name alone: the number behind it is no format.
void add_format(CLI::App& app, ViewOptions& view, const Formats& formats, const char* text) {
  const char* group = "What is shown";
  std::set<std::string> names;
  for (const auto& [name, format] : formats) {
    names.insert(name);
  }
  app.add_option_function<std::string>(
         "-o,--output",
         [&view, formats](const std::string& given) {
           for (const auto& [name, format] : formats) {
             view.format = name == given ? format : view.format;
           }
         },
         text)
      ->check(CLI::IsMember(names))
      ->option_text("FORMAT")
      ->group(group);
  app.add_flag_callback(
         "-j,--json",
         [&app, &view] {
           if (app.count("--output") > 0 && view.format != Format::json) {
             throw CLI::ValidationError("-j is the same as -o json: no other -o goes with it");
           }
           view.format = Format::json;
         },
         "The same as -o json")
      ->group(group);
}

void add_format(CLI::App& app, ViewOptions& view, bool csv) {
  Formats formats{{"text", Format::text}, {"json", Format::json}};
  if (csv) {
    formats.emplace_back("csv", Format::csv);
  }
  add_format(app, view, formats, csv ? "text, json or csv" : "text or json");
}

void add_count(CLI::App& app, ViewOptions& view) {
  app.add_option("-n,--count", view.count, "Stop after so many closures")
      ->option_text("N")
      ->check(CLI::Validator(some, ""))
      ->group("What is shown");
}

void add_hooks(CLI::App& app, KernelOptions& kernel) {
  app.add_option("--hooks", kernel.hooks, "full, base, or auto: the best that attaches")
      ->option_text("SET")
      ->check(CLI::IsMember({"auto", "full", "base"}))
      ->group("How it observes");
}

void add_verbose(CLI::App& app, KernelOptions& kernel) {
  app.add_flag("-v,--verbose", kernel.verbose, "The words of libbpf and the kernel on stderr")
      ->group("How it observes");
}

void add_rows(CLI::App& app, ViewOptions& view) {
  const char* group = "What is shown";
  app.add_flag("-T,--timestamp", view.timestamp, "When each connection ended, UTC")->group(group);
  app.add_flag("-w,--wide", view.wide, "All columns, as wide as they are")->group(group);
  add_count(app, view);
}

void add_source(CLI::App& app, ViewOptions& view, KernelOptions& kernel) {
  const char* group = "How it observes";
  app.add_option("-d,--duration", view.duration_s, "Stop after so many seconds")
      ->option_text("SECONDS")
      ->check(CLI::Validator(seconds, ""))
      ->group(group);
  add_hooks(app, kernel);
  app.add_option_function<std::string>(
         "--ring-size",
         [&kernel](const std::string& bytes) {
           kernel.ring_bytes = static_cast<std::uint32_t>(std::stoul(bytes));
         },
         "Ring buffer: 4k to 1024M, default 4M")
      ->option_text("SIZE")
      ->transform(CLI::Validator(ring_size, "SIZE"))
      ->group(group);
  app.add_flag("-q,--quiet", view.quiet, "No totals on stderr at the end")->group(group);
  add_verbose(app, kernel);
}

constexpr const char* kFromHistory = "From the history";

// An option that asks for the history by itself.
void add_of_history(CLI::App& app, HistoryOptions& history, const char* name, std::string& value,
                    const char* text, const char* form) {
  app.add_option_function<std::string>(
         name,
         [&history, &value](const std::string& given) {
           history.wanted = true;
           value = given;
         },
         text)
      ->option_text(form)
      ->check(CLI::Validator(not_empty, ""))
      ->group(kFromHistory);
}

// `with_time`: --since and --until too.
void add_history(CLI::App& app, HistoryOptions& history, bool with_time) {
  app.add_option_function<std::vector<std::string>>(
         "--history",
         [&history](const std::vector<std::string>& file) {
           history.wanted = true;
           history.file = file.empty() || file[0] == "{}" ? "" : file[0];
         },
         "A history file, or where serve keeps it")
      ->option_text("[FILE]")
      ->expected(0, 1)
      ->allow_extra_args(false)  // what follows the file is the subject
      ->group(kFromHistory);
  if (!with_time) {
    return;
  }
  add_of_history(app, history, "--since", history.since,
                 "From then on: 24h ago, or 2026-01-31T12:00 (UTC)", "TIME");
  add_of_history(app, history, "--until", history.until, "Up to then; default now", "TIME");
}

void add_history_report(CLI::App& app, HistoryOptions& history) {
  add_of_history(app, history, "--by", history.by, "Group by process, exe, cgroup, peer or port",
                 "WHAT");
  add_of_history(app, history, "--compare", history.compare,
                 "Beside the same time earlier: yesterday, 7d", "AGO");
}

// What acts while the host is observed, and with a history nothing is. After all of these.
void exclude_history(CLI::App& app) {
  for (const char* const name : {"--interval", "--duration", "--hooks", "--ring-size"}) {
    CLI::Option* const observing = app.get_option_no_throw(name);
    for (CLI::Option* const option : app.get_options()) {
      if (observing != nullptr && option->get_group() == kFromHistory) {
        observing->excludes(option);
      }
    }
  }
}

void add_stacks(CLI::App& app, KernelOptions& kernel) {
  app.add_flag("--stack", kernel.stacks, "The stacks of the call that ended each one")
      ->group("How it observes");
}

// `instead`: of the options there are so far, which are about observing the host.
CLI::Option* add_capture(CLI::App& app, std::string& file, const char* text, bool instead) {
  const std::vector<CLI::Option*> observing =
      instead ? app.get_options() : std::vector<CLI::Option*>{};
  CLI::Option* const capture = add_word(app, "capture", file, text, "FILE");
  for (CLI::Option* const option : observing) {
    if (option != app.get_help_ptr()) {
      option->excludes(capture);
    }
  }
  return capture;
}

void add_options(CLI::App& app, Command command, Options& options) {
  switch (command) {
    case Command::trace:
      add_kernel_filters(app, options.filter);
      add_verdict_filters(app, options.filter);
      add_format(app, options.view, true);
      add_rows(app, options.view);
      add_source(app, options.view, options.kernel);
      add_stacks(app, options.kernel);
      add_history(app, options.history, true);
      exclude_history(app);
      break;
    case Command::report:
      app.add_option("-i,--interval", options.view.interval_s, "A report every so many seconds")
          ->option_text("SECONDS")
          ->check(CLI::Validator(seconds, ""))
          ->group("What is shown");
      add_source(app, options.view, options.kernel);
      add_history(app, options.history, true);
      add_history_report(app, options.history);
      exclude_history(app);
      // Excludes what stands above.
      add_capture(app, options.file, "Capture file; without one the host is observed", true);
      add_kernel_filters(app, options.filter);
      add_verdict_filters(app, options.filter);
      add_format(app, options.view,
                 {{"text", Format::text},
                  {"json", Format::json},
                  {"csv", Format::csv},
                  {"html", Format::html}},
                 "text, json, csv; of a history html too");
      break;
    case Command::record:
      add_capture(app, options.file, "Capture file to make, - for stdout", false)->required();
      app.add_flag("-f,--force", options.force, "Overwrite the file if it exists");
      add_kernel_filters(app, options.filter);
      add_count(app, options.view);
      add_source(app, options.view, options.kernel);
      add_stacks(app, options.kernel);
      break;
    case Command::replay:
      add_capture(app, options.file, "Capture file, - for stdin", false)->required();
      add_kernel_filters(app, options.filter);
      add_verdict_filters(app, options.filter);
      add_format(app, options.view, true);
      add_rows(app, options.view);
      app.add_flag("-q,--quiet", options.view.quiet, "No totals on stderr at the end");
      break;
    case Command::serve:
      app.add_option("-c,--config", options.file, "Configuration file; without one the defaults")
          ->check(CLI::Validator(not_empty, ""))
          ->option_text("FILE");
      app.add_option(
             "--dry-run-alerts", options.dry_run,
             "Observe nothing: tell what the rules would have told over a capture or history")
          ->check(CLI::Validator(not_empty, ""))
          ->option_text("FILE");
      add_format(app, options.view, false);
      break;
    case Command::check_config:
      app.add_option("config", options.file, "Configuration file, - for stdin")
          ->required()
          ->check(CLI::Validator(not_empty, ""));
      break;
    case Command::pending:
      add_connection_filters(app, options.filter);
      add_names(app, options.filter);
      add_format(app, options.view, true);
      add_verbose(app, options.kernel);
      break;
    case Command::explain:
      add_word(app, "subject", options.subject, "A class, a reason or the id of a closure",
               "[SUBJECT]");
      add_history(app, options.history, false);
      break;
    case Command::completion:
      app.add_option("shell", options.subject, "bash, zsh or fish")
          ->required()
          ->check(CLI::IsMember({"bash", "zsh", "fish"}));
      break;
    case Command::doctor:
      add_format(app, options.view, false);
      break;
    case Command::version:
      break;
    case Command::demo:
      add_word(app, "--reason", options.only, "Only the closure of this reason", "REASON");
      add_hooks(app, options.kernel);
      break;
  }
}

bool is_command(std::string_view word) {
  for (const CommandName& command : kCommands) {
    if (word == command.name) {
      return true;
    }
  }
  return false;
}

// `closewatch -x` is `closewatch trace -x`.
std::vector<std::string> with_command(int argc, const char* const* argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool top = !words.empty() && (words[0] == "-h" || words[0] == "--help" ||
                                      words[0] == "-V" || words[0] == "--version");
  const bool option = words.empty() || (words[0].size() > 1 && words[0][0] == '-');
  if (!top && option) {
    words.insert(words.begin(), "trace");
  }
  return words;
}

// An empty file of --history, which to CLI11 is the same as none.
bool names_no_history(const std::vector<std::string>& words) {
  const auto bare = std::find(words.begin(), words.end(), "--history");
  return std::find(words.begin(), words.end(), "--history=") != words.end() ||
         (bare != words.end() && bare + 1 != words.end() && (bare + 1)->empty());
}

Error usage(const std::string& what, const std::string& command) {
  return Error{
      .what = what,
      .hint = "closewatch " + (command.empty() ? "" : command + " ") + "--help lists what there is",
      .code = ExitCode::usage};
}

void add_commands(CLI::App& app, Options& options) {
  for (const CommandName& entry : kCommands) {
    CLI::App* sub = app.add_subcommand(entry.name, entry.text);
    sub->callback([&options, entry] { options.command = entry.command; });
    add_options(*sub, entry.command, options);
  }
}

template <typename Value, std::size_t count>
std::vector<std::string> names_of_all() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.emplace_back(name_of(static_cast<Value>(i)));
  }
  return names;
}

// What may be said where it is not any text: of an option, or of the word that `command` takes.
std::vector<std::string> values_of(const std::string& command, const std::string& name) {
  if (name == "--hooks") {
    return {"auto", "full", "base"};
  }
  if (name == "--output") {
    std::vector<std::string> formats{"text", "json", "csv"};
    if (command == "report") {
      formats.emplace_back("html");
    }
    return formats;
  }
  if (name == "--by") {
    return names_of_all<Grouping, kGroupingCount>();
  }
  if (name == "--compare") {
    return {"yesterday"};
  }
  if (name == "--since" || name == "--until") {
    return {"today", "yesterday"};
  }
  if (name == "--class") {
    return names_of_all<Class, kClassCount>();
  }
  if (name == "--reason") {
    return names_of_all<Reason, kReasonCount>();
  }
  if (name == "subject") {
    std::vector<std::string> names = names_of_all<Class, kClassCount>();
    const std::vector<std::string> reasons = names_of_all<Reason, kReasonCount>();
    names.insert(names.end(), reasons.begin(), reasons.end() - 1);  // unknown is both
    return names;
  }
  if (name == "shell") {
    return {"bash", "zsh", "fish"};
  }
  return {};
}

CompletedCommand completed(const CLI::App& app) {
  CompletedCommand command{.name = app.get_name(), .text = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      command.takes_word = true;
      command.words = values_of(command.name, option->get_name(true));
      continue;
    }
    CompletedOption out{.text = option->get_description(),
                        .takes_value = option->get_expected_max() > 0};
    for (const std::string& name : option->get_snames()) {
      out.names.push_back("-" + name);
    }
    for (const std::string& name : option->get_lnames()) {
      out.names.push_back("--" + name);
      out.values = values_of(command.name, "--" + name);
    }
    command.options.push_back(std::move(out));
  }
  return command;
}

}  // namespace

std::vector<CompletedCommand> completed_commands() {
  Options options;
  CLI::App app;
  add_commands(app, options);
  std::vector<CompletedCommand> commands;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(completed(*sub));
  }
  return commands;
}

Result<Parsed> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app{
      "Tells how every TCP connection on this host ended, who ended it, and whether the\n"
      "last bytes made it.",
      "closewatch"};
  app.set_version_flag("-V,--version", kVersion);
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "With --version: which hooks would run here");
  app.require_subcommand(1);
  app.get_formatter()->column_width(30);
  app.footer(
      "Exit status: 0 fine, 1 failure while running, 2 wrong usage, 3 this system\n"
      "cannot run it (see closewatch doctor).");
  add_commands(app, options);
  std::vector<std::string> words = with_command(argc, argv);
  const std::string first = words.empty() ? "" : words[0];
  if (!first.empty() && first[0] != '-' && !is_command(first)) {
    return usage("unknown command '" + first + "'", "");
  }
  if (names_no_history(words)) {
    return usage("--history: it is empty", first);
  }
  try {
    std::reverse(words.begin(), words.end());
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return Parsed{.options = std::nullopt, .text = app.help()};
  } catch (const CLI::CallForVersion&) {
    if (app.count("--verbose") > 0) {
      options.command = Command::version;
      return Parsed{.options = std::move(options), .text = {}};
    }
    return Parsed{.options = std::nullopt, .text = std::string(kVersion) + "\n"};
  } catch (const CLI::ExcludesError& error) {
    const std::string what = error.what();  // "--hooks excludes capture"
    const CLI::Option* option =
        app.get_subcommand(first)->get_option_no_throw(what.substr(0, what.find(' ')));
    const bool stored = option != nullptr && option->get_group() == kFromHistory;
    return usage(what + (stored ? ": it is of a history" : ": it acts while the host is observed"),
                 first);
  } catch (const CLI::ParseError& error) {
    return usage(error.what(), is_command(first) ? first : "");
  }
  return Parsed{.options = std::move(options), .text = {}};
}

}  // namespace closewatch
