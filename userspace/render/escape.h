// SPDX-License-Identifier: Apache-2.0
// Names that processes choose for themselves, and paths, are hostile bytes: they may hold terminal
// escapes, newlines, quotes, invalid UTF-8, text that runs backwards, spreadsheet formulas. Values
// stay raw inside closewatch; each output form escapes here, on its way out. Every escape can be
// undone: two different names never come out the same.
#pragma once

#include <string_view>

#include "userspace/render/text_buffer.h"

namespace closewatch {

// What the terminal at the other end reads. In an 8-bit terminal the second byte of a harmless
// UTF-8 character can be a control, so `ascii` lets nothing above 0x7e through.
enum class Charset { ascii, utf8 };

// `text` as a JSON string with its quotes: ASCII escapes and valid UTF-8, on one line, parsed by
// any strict reader. is_deceptive() code points become \uNNNN. A byte that is not UTF-8 becomes
// U+FFFD followed by its two hexadecimal digits ("\ufffdff" is the byte ff); a U+FFFD that was
// really in the text is written as its three bytes in the same way, so the reading is unambiguous.
void append_json_string(TextBuffer& out, std::string_view text);

// `text` for a terminal or a log: one line, nothing but printable characters. The bytes of
// everything else become \xNN and a backslash is doubled.
void append_terminal_text(TextBuffer& out, std::string_view text, Charset charset);

// `text`, a message of ours that may name what somebody else named, for a terminal: nothing but
// printable characters, but for lines that it goes on with (a newline and spaces). A backslash
// stays as it is: names may be escaped in it already.
void append_message(TextBuffer& out, std::string_view text);

// `text` as one CSV cell (RFC 4180). Control and deceptive characters and invalid bytes become
// \xNN, a backslash is doubled, so that a cell never holds a line break. A text that a spreadsheet
// would run as a formula (it begins with = + - @, or their full-width forms) gets a leading ', and
// so does one that begins with '.
void append_csv_cell(TextBuffer& out, std::string_view text);

// Columns that text made by append_terminal_text() takes.
std::size_t columns_of(std::string_view text);

// Cuts what `out` holds from offset `from` on to at most `width` (> 0) columns; the last column of
// what was cut is ~. Returns the columns that it takes then.
std::size_t fit_columns(TextBuffer& out, std::size_t from, std::size_t width);

}  // namespace closewatch
