// SPDX-License-Identifier: Apache-2.0
// Text in HTML.
#pragma once

#include <string>
#include <string_view>

#include "userspace/render/text_buffer.h"

namespace closewatch {

// `text`, which may be any bytes, for the content of an element or a quoted attribute: one line of
// printable characters as append_terminal_text() makes it, and & < > " ' as entities.
void append_html(TextBuffer& out, std::string_view text);
std::string html_of(std::string_view text);

}  // namespace closewatch
