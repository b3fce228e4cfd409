// SPDX-License-Identifier: Apache-2.0
// One CSV row under way: cells in order, commas between them, unknown values empty.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/render/escape.h"
#include "userspace/render/output.h"
#include "userspace/render/time_text.h"

namespace closewatch {

class CsvRow {
 public:
  explicit CsvRow(Output& output) : output_(output) {}

  // The buffer at the beginning of the next cell, for what needs no escape.
  TextBuffer& cell() {
    if (!first_) {
      output_.buffer().push_back(',');
    }
    first_ = false;
    return output_.buffer();
  }

  // A name of ours, or several; empty ones are unknown.
  void name(std::string_view text) { append(cell(), text); }
  // Text that somebody else chose.
  void text(std::string_view text) { append_csv_cell(cell(), text); }
  void optional_text(const std::optional<std::string>& value) {
    text(value ? std::string_view(*value) : "");
  }

  template <std::integral Number>
  void number(Number value) {
    append_number(cell(), value);
  }
  template <typename Number>
  void number(const std::optional<Number>& value) {
    value ? number(*value) : skip(1);
  }
  void boolean(bool value) { name(value ? "true" : "false"); }
  void time(std::optional<std::int64_t> unix_ns) {
    TextBuffer& out = cell();
    if (unix_ns) {
      append_rfc3339(out, *unix_ns);
    }
  }
  void skip(unsigned cells) {
    for (; cells > 0; --cells) {
      cell();
    }
  }

  void end() { output_.end_line(); }

 private:
  Output& output_;
  bool first_ = true;
};

}  // namespace closewatch
