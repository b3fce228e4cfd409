// SPDX-License-Identifier: Apache-2.0
// The links by which an observer holds its hooks, and how to take them from one in the test's own
// process: the kernel detaches a link with its last descriptor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace closewatch::storm {

struct HookLink {
  int fd = -1;
  std::uint64_t id = 0;    // grows with each link that the kernel makes
  std::string tracepoint;  // empty: another kind of hook
};

// Those of a process, but for iterators, in the order in which they were attached.
std::vector<HookLink> hook_links(pid_t pid);

// Of this process. The number of the descriptor stays taken: it is the observer's.
void detach(const HookLink& link);

}  // namespace closewatch::storm
