// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/text_lines.h"

#include <algorithm>

#include "userspace/render/quantity.h"

namespace closewatch {
namespace {

constexpr std::size_t kItemIndent = 14;

}  // namespace

std::string count_text(std::uint64_t count) {
  TextBuffer text;
  append_count(text, count);
  return std::string(view_of(text));
}

std::string duration_text(std::uint64_t microseconds) {
  TextBuffer text;
  append_duration(text, microseconds);
  return std::string(view_of(text));
}

std::string counted(std::uint64_t count, std::string_view noun, std::string_view plural) {
  return count_text(count).append(" ").append(noun).append(count == 1 ? "" : plural);
}

void write_line(Output& output, std::string_view text, Colour colour) {
  begin_colour(output.buffer(), colour);
  const std::size_t from = output.buffer().size();
  append(output.buffer(), text);
  fit_columns(output.buffer(), from, kReportWidth);
  end_colour(output.buffer(), colour);
  output.end_line();
}

void write_wrapped(Output& output, std::size_t indent, std::string_view text) {
  std::string line(indent, ' ');
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (line.size() > indent && line.size() + 1 + end > kReportWidth) {
      write_line(output, line);
      line.assign(indent, ' ');
    }
    line.append(line.size() > indent ? " " : "").append(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  write_line(output, line);
}

LabelledList::LabelledList(Output& output, std::string_view label)
    : output_(output), line_(fmt::format("  {:<{}}", label, kItemIndent - 2)) {}

void LabelledList::item(std::string_view text) {
  const bool first = line_.size() == kItemIndent;
  if (!first && line_.size() + text.size() + 3 > kReportWidth) {  // two commas and a blank
    write_line(output_, line_ + ',');
    line_.assign(kItemIndent, ' ');
  } else if (!first) {
    line_ += ", ";
  }
  line_ += text;
}

void write_labelled(Output& output, std::string_view label, std::string_view text) {
  LabelledList list(output, label);
  list.item(text);
  list.end();
}

}  // namespace closewatch
