// SPDX-License-Identifier: Apache-2.0
// Findings as the text that `trace` shows: one row per closure, in 80 columns or (wide) with
// everything. An amendment is an indented line that names the closure it belongs to, a gap is a
// line that nobody overlooks. README.md of this folder explains the columns.
#pragma once

#include <cstdint>

#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/recent_closures.h"
#include "userspace/render/columns.h"
#include "userspace/render/escape.h"
#include "userspace/render/output.h"

namespace closewatch {

struct TableStyle {
  bool wide = false;       // every column, no limit on the width
  bool timestamp = false;  // end of the connection as the first column, UTC
  bool colour = false;     // only for a terminal without NO_COLOR
  Charset charset = Charset::utf8;
  std::uint64_t tick_ns = 0;  // length of a jiffy of the kernel that made the records; 0 unknown
};

inline constexpr std::size_t kNarrowColumns = 80;

class Table final : public Sink {
 public:
  // Writes the titles. `output` must outlive this.
  Table(Output& output, const TableStyle& style);

  void finding(const Finding& finding) override;
  void correction(const Correction& correction) override;
  void gap(const Gap& gap) override;
  void flush() override { output_.flush(); }

 private:
  // What a later amendment needs to name its closure for a reader.
  struct Subject {
    Task process;
    Endpoint peer;
  };

  [[nodiscard]] std::span<const Column> columns() const;
  void narrow_row(const Finding& finding);
  void wide_row(const Finding& finding);
  void stack_lines(const Finding& finding);
  void fit_line(std::size_t from);
  [[nodiscard]] Colour shown(Colour colour) const;

  Output& output_;
  TableStyle style_;
  RecentClosures<Subject> recent_;
};

}  // namespace closewatch
