// SPDX-License-Identifier: Apache-2.0
// Text in aligned columns with one space between them: the header and the rows of the table.
// Widths are columns of the terminal, not bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "userspace/render/escape.h"

namespace closewatch {

enum class Align { left, right };

struct Column {
  std::string_view title;  // may be wider than `width` where the title before leaves room
  std::size_t width;
  Align align = Align::left;
};

// ANSI colours (SGR parameters); none writes nothing.
enum class Colour { none, bold, red, yellow, cyan, alarm };

// Begins and ends coloured text; `end_colour` only after a colour was begun.
void begin_colour(TextBuffer& out, Colour colour);
void end_colour(TextBuffer& out, Colour colour);

// The titles above their columns.
void append_titles(TextBuffer& out, std::span<const Column> columns);

// One row, cell by cell, in the order of the columns.
class ColumnRow {
 public:
  // `cut`: a cell that is too wide is cut with ~; otherwise it pushes the rest to the right.
  ColumnRow(TextBuffer& out, std::span<const Column> columns, bool cut)
      : out_(out), columns_(columns), cut_(cut) {}

  // `write(out)` appends the text of the next cell, already escaped.
  template <typename Write>
  void cell(Write write, Colour colour = Colour::none) {
    begin_cell(colour);
    write(out_);
    end_cell(colour);
  }
  void cell(std::string_view text, Colour colour = Colour::none) {
    cell([text](TextBuffer& out) { append(out, text); }, colour);
  }

 private:
  void begin_cell(Colour colour);
  void end_cell(Colour colour);

  TextBuffer& out_;
  std::span<const Column> columns_;
  bool cut_;
  std::size_t next_ = 0;
  std::size_t from_ = 0;
};

}  // namespace closewatch
