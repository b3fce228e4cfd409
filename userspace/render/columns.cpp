// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/columns.h"

#include <cstring>
#include <string>

namespace closewatch {
namespace {

std::string_view sgr_of(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::bold:
      return "1";
    case Colour::red:
      return "31";
    case Colour::yellow:
      return "33";
    case Colour::cyan:
      return "36";
    case Colour::alarm:
      return "1;37;41";
  }
  return "";
}

void append_blanks(TextBuffer& out, std::size_t count) {
  std::memset(out.extend(count), ' ', count);
}

}  // namespace

void begin_colour(TextBuffer& out, Colour colour) {
  if (colour != Colour::none) {
    append(out, "\033[");
    append(out, sgr_of(colour));
    out.push_back('m');
  }
}

void end_colour(TextBuffer& out, Colour colour) {
  append(out, colour != Colour::none ? "\033[0m" : "");
}

void append_titles(TextBuffer& out, std::span<const Column> columns) {
  std::string line;
  std::size_t end = 0;
  for (const Column& column : columns) {
    end += column.width + (end == 0 ? 0 : 1);
    const std::size_t length = column.align == Align::left ? column.width : column.title.size();
    line.resize(end, ' ');
    line.replace(end - length, column.title.size(), column.title);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  append(out, line);
}

void ColumnRow::begin_cell(Colour colour) {
  append(out_, next_ == 0 ? "" : " ");
  begin_colour(out_, colour);
  from_ = out_.size();
}

void ColumnRow::end_cell(Colour colour) {
  const Column& column = columns_[next_];
  const std::size_t columns =
      cut_ ? fit_columns(out_, from_, column.width) : columns_of(view_of(out_, from_));
  const std::size_t blanks = column.width > columns ? column.width - columns : 0;
  const bool last = ++next_ == columns_.size();
  if (column.align == Align::right) {
    const std::size_t length = out_.size() - from_;
    append_blanks(out_, blanks);
    char* const text = out_.extend(0) - length - blanks;
    std::memmove(text + blanks, text, length);
    std::memset(text, ' ', blanks);
  } else if (!last) {
    append_blanks(out_, blanks);
  }
  end_colour(out_, colour);
}

}  // namespace closewatch
