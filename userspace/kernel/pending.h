// SPDX-License-Identifier: Apache-2.0
// Closures that still run in the background: sockets that their application released and that have
// something left to settle with the peer. Read from the kernel by an iterator over the sockets of
// the calling thread's network namespace. Who closed them, and when, is in the ledgers of those
// closewatches that ran by then (found among the BPF maps, which needs CAP_SYS_ADMIN); without one
// those are unknown.
#pragma once

#include <vector>

#include "userspace/base/result.h"
#include "userspace/record/pending_close.h"

namespace closewatch {

// What one run of the iterator tells; `link` is its attachment. Needs no privileges of its own
// where reading a map needs none.
Result<std::vector<PendingClose>> read_pending(int link);

struct PendingCloses {
  std::vector<PendingClose> closes;
  bool ledger_found = false;  // a running closewatch told who closed
};

Result<PendingCloses> list_pending(bool verbose);

}  // namespace closewatch
