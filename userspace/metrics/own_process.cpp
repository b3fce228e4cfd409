// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/own_process.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

namespace closewatch {
namespace {

struct Stat {
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t threads = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
};

std::uint64_t number_in(const std::string& word) {
  std::uint64_t number = 0;
  std::from_chars(word.data(), word.data() + word.size(), number);
  return number;
}

std::optional<Stat> read_stat(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text, '\0');
  const std::size_t name_end = text.rfind(") ");  // a name may hold one too
  if (name_end == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream behind_name(text.substr(name_end + 2));
  const std::vector<std::string> words{std::istream_iterator<std::string>(behind_name), {}};
  // Field n of proc(5); the first behind the name is 3.
  const auto field = [&words](std::size_t n) { return number_in(words.at(n - 3)); };
  constexpr std::size_t kWords = 24 - 2;
  if (words.size() < kWords) {
    return std::nullopt;
  }
  return Stat{.user_ticks = field(14),
              .system_ticks = field(15),
              .threads = field(20),
              .virtual_bytes = field(23),
              .resident_pages = field(24)};
}

std::optional<std::uint64_t> count_entries(const std::string& folder) {
  std::error_code error;
  std::uint64_t count = 0;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++count;
  }
  return error ? std::nullopt : std::optional{count};
}

std::uint64_t constant(int name) { return static_cast<std::uint64_t>(::sysconf(name)); }

}  // namespace

void append_own_process_families(Families& families, const std::string& folder) {
  if (const auto stat = read_stat(folder + "/stat")) {
    const std::uint64_t ticks = stat->user_ticks + stat->system_ticks;
    Family::counters(families, "process_cpu_seconds_total", "CPU time of this process.")
        .add(static_cast<double>(ticks) / static_cast<double>(constant(_SC_CLK_TCK)));
    Family::gauges(families, "process_resident_memory_bytes", "Memory of this process in RAM.")
        .add(stat->resident_pages * constant(_SC_PAGESIZE));
    Family::gauges(families, "process_virtual_memory_bytes", "Address space of this process.")
        .add(stat->virtual_bytes);
    Family::gauges(families, "process_threads", "Threads of this process.").add(stat->threads);
  }
  if (const auto descriptors = count_entries(folder + "/fd")) {
    Family::gauges(families, "process_open_fds", "Open descriptors of this process.")
        .add(*descriptors);
  }
}

}  // namespace closewatch
