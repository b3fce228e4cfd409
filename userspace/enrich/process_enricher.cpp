// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/process_enricher.h"

#include <unistd.h>

#include <charconv>
#include <string_view>
#include <type_traits>

#include "userspace/enrich/container.h"
#include "userspace/enrich/namespaces.h"

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

// The file's name; of a file that is gone the kernel adds " (deleted)".
std::optional<std::string> name_in(std::string_view path) {
  static constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  path.remove_prefix(path.rfind('/') + 1);
  return path.empty() ? std::nullopt : std::optional(std::string(path));
}

}  // namespace

std::size_t ProcessEnricher::KeyHash::operator()(const Key& key) const {
  static_assert(std::has_unique_object_representations_v<Key>);
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(&key), sizeof key});
}

ProcessEnricher::ProcessEnricher(std::int64_t boot_to_unix_ns, HostFiles files,
                                 CgroupPaths::Clock now)
    : boot_to_unix_ns_(boot_to_unix_ns),
      files_(std::move(files)),
      now_(now),
      pids_are_the_kernels_(in_initial_namespace(files_, Namespace::pid).value_or(true)),
      cgroups_(files_, now) {}

const ProcessDetails& ProcessEnricher::details(const Task& task) {
  const Key key{.start_ns = task.start_ns,
                .cgroup_id = task.cgroup_id,
                .comm = task.comm_bytes,
                .pid = task.pid,
                .tid = task.start_ns == 0 ? task.tid : 0};
  Entry* entry = processes_.find(key);
  if (entry != nullptr && (entry->again_ns == 0 || now_() < entry->again_ns)) {
    return entry->details;
  }
  const bool first = entry == nullptr;
  if (first) {
    entry = &processes_.put(key, {});
  }
  ProcessDetails& known = entry->details;
  if (first && task.start_ns != 0) {
    known.start_unix_ns = static_cast<std::int64_t>(task.start_ns) + boot_to_unix_ns_;
  }
  if (first || task.start_ns == 0) {
    known.exe = executable(task);
  }
  entry->again_ns = task.start_ns == 0 ? now_() + kBelievedNs : 0;
  if (!known.cgroup) {
    CgroupPaths::Answer answer =
        cgroups_.find(task.cgroup_id, pids_are_the_kernels_ ? task.pid : 0);
    if (answer.path) {
      known.container = container_of(*answer.path);
      known.cgroup = std::move(answer.path);
    } else if (entry->again_ns == 0) {
      entry->again_ns = answer.again_ns;
    }
  }
  return known;
}

std::optional<std::string> ProcessEnricher::executable(const Task& task) const {
  if (!pids_are_the_kernels_) {
    return std::nullopt;
  }
  const UniqueFd process = files_.open_directory("/proc/" + std::to_string(task.pid));
  if (!process.valid() ||
      !(task.start_ns != 0 ? started_at(process, task.start_ns) : has_thread(process, task))) {
    return std::nullopt;
  }
  const auto path = read_link(process, "exe");
  return path ? name_in(*path) : std::nullopt;
}

}  // namespace closewatch
