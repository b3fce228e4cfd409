// SPDX-License-Identifier: Apache-2.0
#include "userspace/html/markup.h"

#include "userspace/render/escape.h"

namespace closewatch {

void append_html(TextBuffer& out, std::string_view text) {
  TextBuffer printable;
  append_terminal_text(printable, text, Charset::utf8);
  for (const char byte : view_of(printable)) {
    switch (byte) {
      case '&':
        append(out, "&amp;");
        break;
      case '<':
        append(out, "&lt;");
        break;
      case '>':
        append(out, "&gt;");
        break;
      case '"':
        append(out, "&quot;");
        break;
      case '\'':
        append(out, "&#39;");
        break;
      default:
        out.push_back(byte);
    }
  }
}

std::string html_of(std::string_view text) {
  TextBuffer out;
  append_html(out, text);
  return std::string(view_of(out));
}

}  // namespace closewatch
