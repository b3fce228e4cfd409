// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/process_files.h"

#include <unistd.h>

#include <charconv>
#include <cstdint>

namespace closewatch {
namespace {

// Field 22 of /proc/<pid>/stat: start of the process in clock ticks of CLOCK_BOOTTIME, rounded down
// (do_task_stat(), nsec_to_clock_t(), 5.10 to 7.2). The name in field 2 may hold anything.
std::optional<std::uint64_t> start_ticks(std::string_view stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) {
    return std::nullopt;
  }
  std::size_t at = name_end + 1;  // the space before field 3
  for (int field = 3; field < 22; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string_view::npos) {
      return std::nullopt;
    }
  }
  std::uint64_t ticks = 0;
  const char* const begin = stat.data() + at + 1;
  const auto parsed = std::from_chars(begin, stat.data() + stat.size(), ticks);
  return parsed.ec == std::errc() ? std::optional(ticks) : std::nullopt;
}

bool started_at(const UniqueFd& process, std::uint64_t start_ns) {
  static const std::uint64_t tick_ns =
      1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto stat = read_file(process, "stat");
  return stat && start_ticks(*stat) == start_ns / tick_ns;
}

bool has_thread(const UniqueFd& process, const Task& task) {
  auto comm = read_file(process, "task/" + std::to_string(task.tid) + "/comm");
  if (!comm || !comm->ends_with('\n')) {
    return false;
  }
  comm->pop_back();
  return *comm == task.comm();
}

}  // namespace

UniqueFd open_process(const HostFiles& files, const Task& task) {
  UniqueFd process = files.open_directory("/proc/" + std::to_string(task.pid));
  if (process.valid() &&
      (task.start_ns != 0 ? started_at(process, task.start_ns) : has_thread(process, task))) {
    return process;
  }
  return {};
}

std::optional<std::string> file_name_in(std::string_view path) {
  static constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  path.remove_prefix(path.rfind('/') + 1);
  return path.empty() ? std::nullopt : std::optional(std::string(path));
}

}  // namespace closewatch
