// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/must.h"

#include <unistd.h>

#include <cstdio>

namespace closewatch::storm {

void give_up(const char* doing) {
  std::perror(doing);
  ::_exit(1);  // also in forks of a test, whose buffers are the parent's
}

}  // namespace closewatch::storm
