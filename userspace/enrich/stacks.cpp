// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/stacks.h"

namespace closewatch {

void Stacks::frames_of(const Closure& closure, Frames& frames) {
  frames.clear();
  if (closure.stack_kernel) {
    frames = kernel(*closure.stack_kernel);
  }
  if (closure.stack_user) {
    const Frames& more = user(*closure.stack_user, caller_of(closure));
    frames.insert(frames.end(), more.begin(), more.end());
  }
}

}  // namespace closewatch
