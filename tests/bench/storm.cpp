// SPDX-License-Identifier: Apache-2.0
// closewatch_bench_storm [--drivers N] [--seconds S | --connections N] [--mix GRACEFUL,ZERO,UNREAD]
// [--networks own] [--processes 1|2] [--receive interrupts]: makes connections in a fresh network
// namespace (or one for each driver) as fast as it can, and prints what it made as one line of
// JSON. Needs root. Exit code 2: usage.
#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "tests/storm/load.h"
#include "tests/storm/network.h"

namespace {

using closewatch::storm::DriverResult;
using closewatch::storm::kEndingNames;
using closewatch::storm::kEndings;
using closewatch::storm::LoadOptions;
using closewatch::storm::Mix;

// Takes a number off the front of `text`.
bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{};
}

bool take_mix(std::string_view text, Mix& mix) {
  std::uint64_t sum = 0;
  for (std::size_t ending = 0; ending < kEndings; ++ending) {
    std::uint64_t share = 0;
    if (!take_number(text, share) || share > 1000) {
      return false;
    }
    mix[ending] = static_cast<std::uint32_t>(share);
    sum += share;
    if (!text.empty() && text[0] == ',') {
      text.remove_prefix(1);
    }
  }
  return text.empty() && sum > 0;
}

struct Options {
  LoadOptions load{.time = std::chrono::seconds(1)};
  bool interrupts = false;  // packets come by them
};

bool take_option(std::string_view name, std::string_view value, Options& all) {
  LoadOptions& options = all.load;
  std::uint64_t number = 0;
  if (name == "--receive") {
    all.interrupts = value == "interrupts";
    return all.interrupts;
  }
  if (name == "--mix") {
    return take_mix(value, options.mix);
  }
  if (name == "--networks") {
    options.own_networks = value == "own";
    return options.own_networks;
  }
  if (name == "--seconds") {
    char* end = nullptr;
    const double seconds = std::strtod(value.data(), &end);
    options.time = std::chrono::milliseconds(std::lround(seconds * 1000));
    return *end == '\0' && seconds > 0 && seconds < 3600;
  }
  if (!take_number(value, number) || !value.empty() || number == 0) {
    return false;
  }
  if (name == "--processes") {
    options.two_processes = number == 2;
    return number <= 2;
  }
  if (name == "--drivers") {
    options.drivers = static_cast<unsigned>(number);
    return number <= 64;
  }
  options.connections = number;
  return name == "--connections";
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || !take_option(argv[i], argv[i + 1], options)) {
      fmt::print(stderr, "error: wrong or incomplete option {}\nhint:  see {}\n", argv[i],
                 "tests/bench/README.md");
      return 2;
    }
  }
  if (options.interrupts && options.load.own_networks) {
    fmt::print(stderr, "error: --receive interrupts is of one namespace, not of --networks own\n");
    return 2;
  }
  closewatch::storm::enter_new_network();
  if (options.interrupts) {
    closewatch::storm::receive_by_interrupts();
  }
  const DriverResult made = run_load(options.load).all();
  const double seconds = static_cast<double>(made.wall_ns) * 1e-9;
  fmt::print(R"({{"drivers":{},"connections":{},"seconds":{:.4f},"rate":{:.0f},"cpu_us":{})",
             options.load.drivers, made.connections(), seconds,
             static_cast<double>(made.connections()) / seconds, made.cpu_ns / 1000);
  for (std::size_t ending = 0; ending < kEndings; ++ending) {
    fmt::print(R"(,"{}":{})", kEndingNames[ending], made.endings[ending]);
  }
  fmt::print("}}\n");
  return 0;
}
