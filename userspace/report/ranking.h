// SPDX-License-Identifier: Apache-2.0
// The order in which a report lists things: what lost most bytes first, then what ended most
// connections the hard way, then what closed most.
#pragma once

#include <vector>

#include "userspace/render/text_buffer.h"
#include "userspace/report/per_process.h"

namespace closewatch {

std::vector<const ProcessReport*> worst_first(const PerProcess& processes);
std::vector<PeerTally> worst_peers(const ProcessReport& report);

// "10.0.0.9", "2001:db8::1"; of a network "10.0.0.0/24", "2001:db8::/64".
void append_peer(TextBuffer& out, const PeerTally& peer);

struct ReasonCount {
  Reason reason;
  std::uint64_t count;
};

// Those that occurred, most frequent first.
std::vector<ReasonCount> frequent_reasons(const CloseTally& tally);
// Of these, the reasons of abortive and timed out closures.
std::vector<ReasonCount> worst_reasons(const CloseTally& tally);

}  // namespace closewatch
