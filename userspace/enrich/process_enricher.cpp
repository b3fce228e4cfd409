// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/process_enricher.h"

#include <string_view>
#include <type_traits>

#include "userspace/enrich/container.h"
#include "userspace/enrich/namespaces.h"
#include "userspace/enrich/process_files.h"

namespace closewatch {

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
  const UniqueFd process = open_process(files_, task);
  const auto path = process.valid() ? read_link(process, "exe") : std::nullopt;
  return path ? file_name_in(*path) : std::nullopt;
}

}  // namespace closewatch
