// SPDX-License-Identifier: Apache-2.0
// Whatever a process calls itself: each output form gives one line of valid, harmless text, and
// what it stands for can be had back byte for byte.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/fuzz/require.h"
#include "tests/unit/render/csv_reader.h"
#include "tests/unit/render/hostile_names.h"
#include "tests/unit/render/terminal_width.h"
#include "userspace/render/escape.h"

namespace closewatch::fuzz {
namespace {

// The C library is the judge: valid UTF-8, and nothing that is not printed.
bool is_printable(std::string_view text) {
  return !has_raw_control(text) && terminal_width(text) >= 0;
}

void check_json(std::string_view name) {
  TextBuffer out;
  append_json_string(out, name);
  require(!has_raw_control(view_of(out)), "JSON has no control byte");
  const auto parsed = nlohmann::json::parse(view_of(out), nullptr, false);
  require(parsed.is_string(), "JSON is valid");
  require(undo_replacements(parsed.get<std::string>()) == name, "JSON says the same bytes");
}

void check_terminal(std::string_view name, Charset charset) {
  TextBuffer out;
  append_terminal_text(out, name, charset);
  const std::string text(view_of(out));
  require(is_printable(text), "terminal text is printable");
  if (charset == Charset::ascii) {
    require(std::ranges::all_of(text, [](unsigned char byte) { return byte < 0x80; }),
            "ASCII stays ASCII");
  }
  require(undo_backslashes(text) == name, "terminal text says the same bytes");
  const auto columns = columns_of(text);
  require(columns == static_cast<std::size_t>(terminal_width(text)), "columns are those of libc");
  constexpr std::size_t kWidth = 12;
  const std::size_t fitted = fit_columns(out, 0, kWidth);
  require(fitted <= std::min(kWidth, columns), "a column is not overrun");
  require(static_cast<std::size_t>(terminal_width(view_of(out))) == fitted,
          "a cut is as wide as it says");
}

void check_csv(std::string_view name) {
  TextBuffer out;
  append_csv_cell(out, name);
  require(!has_raw_control(view_of(out)), "CSV has no control byte");
  const auto cells = read_csv_line(view_of(out));
  require(cells && cells->size() == 1, "CSV is one cell");
  const std::string& cell = cells->front();
  require(nlohmann::json(cell).dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore) ==
              nlohmann::json(cell).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
          "CSV is valid UTF-8");
  require(cell.empty() || std::string_view("=+-@").find(cell.front()) == std::string_view::npos,
          "CSV is no formula");
  require(undo_csv_escapes(cell) == name, "CSV says the same bytes");
}

}  // namespace
}  // namespace closewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace closewatch;
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  fuzz::check_json(name);
  fuzz::check_terminal(name, Charset::utf8);
  fuzz::check_terminal(name, Charset::ascii);
  fuzz::check_csv(name);
  return 0;
}
