// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/process_label.h"

#include <fmt/format.h>

#include "userspace/render/escape.h"

namespace closewatch {

std::string label_text(std::string_view text) {
  TextBuffer escaped;
  append_terminal_text(escaped, text, Charset::utf8);
  return std::string{view_of(escaped)};
}

std::string process_label(const ProcessName& name) {
  if (!name.known) {
    return std::string{kUnknownProcess};
  }
  const std::string_view bytes = name.bytes();
  if (bytes.empty()) {
    return "\\x00";
  }
  if (bytes == kOtherProcesses || bytes == kUnknownProcess) {
    return fmt::format("\\x{:02x}{}", static_cast<unsigned char>(bytes.front()), bytes.substr(1));
  }
  return label_text(bytes);
}

}  // namespace closewatch
