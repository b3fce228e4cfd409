// SPDX-License-Identifier: Apache-2.0
// Findings for the tests of the metrics, each with an end of its own.
#pragma once

#include <string_view>

#include "tests/unit/render/sample_finding.h"
#include "userspace/pipeline/finding.h"

namespace closewatch {

inline Finding closure_of(std::string_view comm, Reason reason, std::uint64_t end_ns,
                          std::optional<Initiator> initiator = Initiator::local) {
  Finding finding;
  finding.closure.id = {end_ns, 0};
  finding.closure.end_ns = end_ns;
  finding.closure.process = task_of(812, comm, 33);
  finding.closure.netns = 4026531840;
  finding.verdict.cls = class_of(reason);
  finding.verdict.reason = reason;
  finding.verdict.initiator = initiator;
  return finding;
}

inline Finding lossy_closure_of(std::string_view comm, std::uint64_t end_ns,
                                std::uint32_t discarded, std::uint32_t unread) {
  Finding finding = closure_of(comm, Reason::unread_data, end_ns);
  finding.closure.unacked = discarded;
  finding.closure.unread = unread;
  finding.verdict.lost = discarded + unread > 0;
  return finding;
}

inline Correction correction_of(const Finding& finding) {
  Correction correction;
  correction.amendment.id = finding.closure.id;
  correction.amendment.time_ns = finding.closure.end_ns + 1;
  return correction;
}

}  // namespace closewatch
