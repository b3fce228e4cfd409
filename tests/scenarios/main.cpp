// SPDX-License-Identifier: Apache-2.0
// closewatch_scenarios: makes TCP connections end in every way there is, and checks what closewatch
// says of each. Needs root. Exit code 0 all as expected, 1 not, 2 usage.
#include <sys/resource.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/scenarios/catalogue.h"
#include "tests/scenarios/kernel_symbols.h"
#include "tests/scenarios/options.h"
#include "tests/scenarios/runner.h"

namespace {

int explain(const closewatch::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what.c_str());
  if (!error.hint.empty()) {
    std::fprintf(stderr, "hint: %s\n", error.hint.c_str());
  }
  return static_cast<int>(error.code);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace closewatch::scenarios;
  // What abortive situations make the application exec: it has nothing to do.
  if (argc > 1 && std::string{argv[1]} == "--idle") {
    return 0;
  }
  const auto options = parse_options({argv + 1, argv + argc});
  if (!options) {
    return explain(options.error());
  }
  if (options->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (options->list) {
    for (const auto& situation : all_situations()) {
      std::printf("%-50s %s\n", std::string{situation.name}.c_str(),
                  std::string{situation.about}.c_str());
    }
    return 0;
  }
  // Each play keeps its namespace open until the end.
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  read_kernel_symbols();
  const auto good = run(*options);
  if (!good) {
    return explain(good.error());
  }
  return *good ? 0 : 1;
}
