// SPDX-License-Identifier: Apache-2.0
// Findings as CSV (RFC 4180, but lines end in LF): the facts of the JSON lines in flat columns,
// listed in README.md of this folder. The first column, `record`, tells closure, amendment and gap
// apart; a cell that is unknown, or that an amendment leaves as it was, is empty.
#pragma once

#include <cstdint>

#include "userspace/pipeline/finding.h"
#include "userspace/render/output.h"

namespace closewatch {

class Csv final : public Sink {
 public:
  // Writes the header line. `output` must outlive this; `tick_ns` is the length of a jiffy of the
  // kernel that made the records, 0 when it is not known.
  Csv(Output& output, std::uint64_t tick_ns);

  void finding(const Finding& finding) override;
  void correction(const Correction& correction) override;
  void gap(const Gap& gap) override;
  void flush() override { output_.flush(); }

 private:
  Output& output_;
  std::uint64_t tick_ns_;
};

}  // namespace closewatch
