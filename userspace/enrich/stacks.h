// SPDX-License-Identifier: Apache-2.0
// The frames of the call that ended a connection, as text. Live from the kernel's stacks, or from a
// capture file.
#pragma once

#include <string>
#include <vector>

#include "userspace/record/closure.h"

namespace closewatch {

using Frames = std::vector<std::string>;  // innermost first; raw bytes (hostile)

class Stacks {
 public:
  virtual ~Stacks() = default;

  // The stack of that id (Closure::stack_kernel, stack_user); empty when it is not known. `task`
  // made the call. References are good until the next call.
  virtual const Frames& kernel(std::int32_t id) = 0;
  virtual const Frames& user(std::int32_t id, const Task& task) = 0;

  // Both in place of what `frames` held: the kernel's, then the program's.
  void frames_of(const Closure& closure, Frames& frames);
};

// Whose call ended it: of somebody else (SOCK_DESTROY, the closer of a listener), or the process's.
inline const Task& caller_of(const Closure& closure) {
  return closure.actor.known() ? closure.actor : closure.process;
}

}  // namespace closewatch
