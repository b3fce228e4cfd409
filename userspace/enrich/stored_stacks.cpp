// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/stored_stacks.h"

namespace closewatch {

void StoredStacks::take(const StackNote& note) {
  (note.user ? user_ : kernel_)[note.id].assign(note.frames.begin(), note.frames.end());
}

const Frames& StoredStacks::kernel(std::int32_t id) {
  const auto found = kernel_.find(id);
  return found == kernel_.end() ? none_ : found->second;
}

const Frames& StoredStacks::user(std::int32_t id, const Task& /*task*/) {
  const auto found = user_.find(id);
  return found == user_.end() ? none_ : found->second;
}

}  // namespace closewatch
