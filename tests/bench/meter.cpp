// SPDX-License-Identifier: Apache-2.0
// closewatch_bench_meter PID: what a process and the whole host have used so far, as one line of
// JSON. cpu_us: user and system time of the process, all threads (its CPU clock, which is finer
// than the ticks of /proc/PID/stat); rss_kib: the most memory it has had (VmHWM); host_busy_us:
// time in which the CPUs were not idle (/proc/stat). Exit code 1: no such process, 2: usage.
#include <fmt/core.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

// user, nice, system, irq and softirq of the first line; idle, iowait and steal are no work.
std::uint64_t host_busy_us() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
  file >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
  return (user + nice + system + irq + softirq) * 1'000'000 /
         static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t most_memory_kib(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/status");
  std::string word;
  std::uint64_t kib = 0;
  while (file >> word) {
    if (word == "VmHWM:") {
      file >> kib;
    }
  }
  return kib;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || std::atoi(argv[1]) <= 0) {
    fmt::print(stderr, "error: one argument is expected, a pid\n");
    return 2;
  }
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(std::atoi(argv[1]), &clock) != 0 ||
      ::clock_gettime(clock, &used) != 0) {
    fmt::print(stderr, "error: no process {}\n", argv[1]);
    return 1;
  }
  fmt::print(R"({{"cpu_us":{},"rss_kib":{},"host_busy_us":{}}})"
             "\n",
             used.tv_sec * 1'000'000 + used.tv_nsec / 1000, most_memory_kib(argv[1]),
             host_busy_us());
  return 0;
}
