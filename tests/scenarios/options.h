// SPDX-License-Identifier: Apache-2.0
// The command line of closewatch_scenarios.
#pragma once

#include <regex>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/demo/family.h"

namespace closewatch::scenarios {

struct Options {
  std::string closewatch;  // path; empty: no observer
  std::string hooks = "full";
  std::vector<demo::Family> families{demo::kFamilies.begin(), demo::kFamilies.end()};
  std::regex filter{""};
  unsigned jobs = 8;
  unsigned rounds = 1;       // of plays whose end the kernel let no program see
  bool own_machine = false;  // may do to every connection of it what a situation does
  bool passed = false;       // tells also what passed
  bool list = false;
  bool help = false;
};

inline constexpr const char* kUsage =
    "usage: closewatch_scenarios (--closewatch PATH | --no-observer | --list) [options]\n"
    "  --hooks base|full                   hook set that closewatch is told to use (full)\n"
    "  --family ipv4|ipv6|mapped|all       sockets to play with (all)\n"
    "  --filter REGEX                      only situations whose name matches\n"
    "  --own-machine                       also what every connection of the machine feels\n"
    "  --passed                            a line also for each that passed\n"
    "  --jobs N                            plays side by side (8)\n"
    "  --rounds N                          play again, up to N times in all, what the kernel let "
    "no\n"
    "                                      program see: closewatch must have counted it (1)\n";

Result<Options> parse_options(const std::vector<std::string>& arguments);

}  // namespace closewatch::scenarios
