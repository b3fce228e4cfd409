// SPDX-License-Identifier: Apache-2.0
// Whether this process is in the namespaces that the host was booted with: only there are the pids
// of /proc those that the kernel side records, and only there do capabilities count for BPF.
#pragma once

#include <cstdint>
#include <optional>

#include "userspace/enrich/host_files.h"

namespace closewatch {

// Values: the inode numbers of the initial namespaces (include/linux/proc_ns.h, 5.10 to 7.2).
enum class Namespace : std::uint32_t { pid = 0xEFFFFFFC, user = 0xEFFFFFFD };

// nullopt: /proc does not tell.
std::optional<bool> in_initial_namespace(const HostFiles& files, Namespace kind);

}  // namespace closewatch
