// SPDX-License-Identifier: Apache-2.0
// A small RFC 4180 reader for tests, and the inverse of the escapes that append_csv_cell()
// documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace closewatch {

using CsvCells = std::vector<std::string>;

// The cells of one line; nullopt when its quoting is wrong.
inline std::optional<CsvCells> read_csv_line(std::string_view line) {
  CsvCells cells(1);
  bool quoted = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char byte = line[at];
    const bool pair = byte == '"' && at + 1 < line.size() && line[at + 1] == '"';
    if (quoted && pair) {
      cells.back() += '"';
      ++at;
    } else if (quoted && byte == '"') {
      quoted = false;
      if (at + 1 < line.size() && line[at + 1] != ',') {
        return std::nullopt;
      }
    } else if (quoted) {
      cells.back() += byte;
    } else if (byte == ',') {
      cells.emplace_back();
    } else if (byte == '"') {
      if (!cells.back().empty()) {
        return std::nullopt;
      }
      quoted = true;
    } else {
      cells.back() += byte;
    }
  }
  return quoted ? std::nullopt : std::optional{cells};
}

// Undoes \xNN and doubled backslashes; nullopt for an escape that does not exist.
inline std::optional<std::string> undo_backslashes(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      bytes += text[at];
    } else if (text.substr(at, 2) == "\\\\") {
      bytes += '\\';
      ++at;
    } else if (text.substr(at, 2) == "\\x" && at + 3 < text.size()) {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(at + 2, 2)), nullptr, 16));
      at += 3;
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

inline std::optional<std::string> undo_csv_escapes(std::string_view cell) {
  return undo_backslashes(!cell.empty() && cell.front() == '\'' ? cell.substr(1) : cell);
}

}  // namespace closewatch
