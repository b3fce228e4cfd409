// SPDX-License-Identifier: Apache-2.0
// closewatch_bench_latency CLOSEWATCH [ROUNDS]: how long after the end of a connection on an idle
// host its lines can be read from `closewatch trace -j`, as one line of JSON. Each round waits
// until closewatch has had time to fall asleep, ends one connection in a fresh network namespace,
// and reads until both of its lines are there. Needs root. Exit code 1: closewatch does not run, 2:
// usage.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/storm/closewatch.h"
#include "tests/storm/connection.h"
#include "tests/storm/must.h"
#include "tests/storm/network.h"

namespace {

using namespace closewatch::storm;
using closewatch::UniqueFd;

void await_lines(int fd, std::ptrdiff_t lines) {
  std::array<char, 4096> text{};
  while (lines > 0) {
    const auto length = must(::read(fd, text.data(), text.size()), "read");
    if (length == 0) {
      give_up("closewatch ended early");
    }
    lines -= std::count(text.begin(), text.begin() + length, '\n');
  }
}

double round_ms(const Listener& listener, int output) {
  ::usleep(250'000);
  Connection connection = listener.connect();
  connection.client.reset();
  const auto begin = std::chrono::steady_clock::now();
  connection.server.reset();  // both ends are over with this
  await_lines(output, 2);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fmt::print(stderr, "usage: closewatch_bench_latency CLOSEWATCH [ROUNDS]\n");
    return 2;
  }
  const std::size_t rounds = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 20;
  enter_new_network();
  std::array<int, 2> ends{};
  must(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const UniqueFd output(ends[0]);
  Closewatch closewatch(
      {.program = {.path = argv[1]},
       .arguments = {"trace", "-j", "-N", "inode:" + std::to_string(network_inode())},
       .output = ends[1]});
  ::close(ends[1]);
  if (!closewatch.watches()) {
    fmt::print(stderr, "{}", closewatch.errors());
    return 1;
  }
  const Listener listener;
  std::vector<double> ms;
  while (ms.size() < rounds) {
    ms.push_back(round_ms(listener, output.get()));
  }
  std::sort(ms.begin(), ms.end());
  fmt::print(R"({{"rounds":{},"p50_ms":{:.2f},"max_ms":{:.2f}}})"
             "\n",
             rounds, ms[rounds / 2], ms.back());
  return 0;
}
