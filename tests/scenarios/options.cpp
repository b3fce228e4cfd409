// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/options.h"

#include <charconv>

namespace closewatch::scenarios {
namespace {

Error wrong(std::string what) {
  return {.what = std::move(what), .hint = "see --help", .code = ExitCode::usage};
}

Result<> take_number(unsigned& to, const std::string& name, const std::string& value) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), to);
  if (error != std::errc{} || end != value.data() + value.size() || to == 0) {
    return wrong(name + " wants a positive number, not " + value);
  }
  return {};
}

Result<> take(Options& options, const std::string& name, const std::string& value) {
  if (name == "--closewatch") {
    options.closewatch = value;
  } else if (name == "--hooks" && (value == "base" || value == "full")) {
    options.hooks = value;
  } else if (name == "--family") {
    if (value == "all") {
      return {};
    }
    options.families.clear();
    for (const demo::Family family : demo::kFamilies) {
      if (name_of(family) == value) {
        options.families.push_back(family);
      }
    }
    if (options.families.empty()) {
      return wrong("no such family: " + value);
    }
  } else if (name == "--filter") {
    try {
      options.filter.assign(value);
    } catch (const std::regex_error& error) {
      return wrong("not a regular expression: " + value + ": " + error.what());
    }
  } else if (name == "--jobs") {
    return take_number(options.jobs, name, value);
  } else if (name == "--rounds") {
    return take_number(options.rounds, name, value);
  } else {
    return wrong("unknown option: " + name + " " + value);
  }
  return {};
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  bool no_observer = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--list") {
      options.list = true;
    } else if (name == "--own-machine") {
      options.own_machine = true;
    } else if (name == "--passed") {
      options.passed = true;
    } else if (name == "--help") {
      options.help = true;
    } else if (name == "--no-observer") {
      no_observer = true;
    } else if (i + 1 == arguments.size()) {
      return wrong("unknown option, or its value is missing: " + name);
    } else if (auto taken = take(options, name, arguments[++i]); !taken) {
      return std::move(taken).error();
    }
  }
  if (!options.list && !options.help && no_observer == !options.closewatch.empty()) {
    return wrong("give either --closewatch PATH or --no-observer");
  }
  return options;
}

}  // namespace closewatch::scenarios
