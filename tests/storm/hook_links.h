// SPDX-License-Identifier: Apache-2.0
// The links by which an observer in the test's own process holds its hooks, and how to take them
// from it: the kernel detaches a link with its last descriptor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace closewatch::storm {

struct HookLink {
  int fd = -1;
  std::uint64_t id = 0;    // grows with each link that the kernel makes
  std::string tracepoint;  // empty: another kind of hook
};

// Those of this process, but for iterators, in the order in which they were attached.
std::vector<HookLink> hook_links();

// The number of the descriptor stays taken: it is the observer's.
void detach(const HookLink& link);

}  // namespace closewatch::storm
