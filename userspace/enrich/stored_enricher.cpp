// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/stored_enricher.h"

#include <string>

namespace closewatch {
namespace {

std::optional<std::string> owned(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

}  // namespace

void StoredEnricher::take(const ProcessNote& note) {
  known_[{note.start_ns, note.cgroup_id, note.pid}] = {.exe = owned(note.exe),
                                                       .cgroup = owned(note.cgroup),
                                                       .container = owned(note.container),
                                                       .start_unix_ns = note.start_unix_ns};
}

const ProcessDetails& StoredEnricher::details(const Task& task) {
  const auto found = known_.find({task.start_ns, task.cgroup_id, task.pid});
  return found == known_.end() ? unknown_ : found->second;
}

}  // namespace closewatch
