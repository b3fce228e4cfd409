// SPDX-License-Identifier: Apache-2.0
// The files of a process in /proc, of that process and no other: what is opened is checked against
// what the kernel recorded, so that nothing is lent from a process that got the pid later.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "userspace/base/unique_fd.h"
#include "userspace/enrich/host_files.h"
#include "userspace/record/closure.h"

namespace closewatch {

// /proc/<pid> of the process that started when the task says (field 22 of /proc/<pid>/stat).
// Without a start (5.10): of the process that has a thread `tid` called `comm`. Not valid() when
// there is none. The pids of /proc must be the kernel's (namespaces.h).
UniqueFd open_process(const HostFiles& files, const Task& task);

// The last part of the path of a file that is in use; of one that is gone the kernel adds
// " (deleted)", which is taken off. nullopt: it has no name.
std::optional<std::string> file_name_in(std::string_view path);

}  // namespace closewatch
