// SPDX-License-Identifier: Apache-2.0
// Lines of the text report: cut or wrapped at 80 columns. Texts are escaped already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "userspace/render/columns.h"
#include "userspace/render/output.h"

namespace closewatch {

inline constexpr std::size_t kReportWidth = 80;

std::string count_text(std::uint64_t count);
std::string duration_text(std::uint64_t microseconds);

// "1 closure", "412 closures".
std::string counted(std::uint64_t count, std::string_view noun, std::string_view plural = "s");

// One line; what is too wide is cut with ~.
void write_line(Output& output, std::string_view text, Colour colour = Colour::none);

// ASCII text in lines that all begin with `indent` blanks.
void write_wrapped(Output& output, std::size_t indent, std::string_view text);

// "  label       item, item, item", continued below the first item where the width ends.
class LabelledList {
 public:
  LabelledList(Output& output, std::string_view label);
  void item(std::string_view text);
  void end() { write_line(output_, line_); }

 private:
  Output& output_;
  std::string line_;
};

void write_labelled(Output& output, std::string_view label, std::string_view text);

}  // namespace closewatch
