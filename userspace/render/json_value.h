// SPDX-License-Identifier: Apache-2.0
// JSON values and the members that hold them; what is not known is null. A key is given with its
// punctuation, as in put(out, R"(,"pid":)", pid), so that a member costs two appends.
#pragma once

#include <concepts>
#include <optional>
#include <string>

#include "userspace/render/escape.h"
#include "userspace/render/time_text.h"

namespace closewatch {

template <std::integral Number>
void append_json(TextBuffer& out, Number value) {
  append_number(out, value);
}
inline void append_json(TextBuffer& out, bool value) { append(out, value ? "true" : "false"); }
inline void append_json(TextBuffer& out, const std::string& value) {
  append_json_string(out, value);
}

template <typename Value>
void append_json(TextBuffer& out, const std::optional<Value>& value) {
  if (value) {
    append_json(out, *value);
  } else {
    append(out, "null");
  }
}

// A name of ours that needs no escape; null when it is empty.
inline void append_json_name(TextBuffer& out, std::string_view name) {
  if (name.empty()) {
    append(out, "null");
    return;
  }
  out.push_back('"');
  append(out, name);
  out.push_back('"');
}

template <typename Value>
[[gnu::always_inline]] inline void put(TextBuffer& out, std::string_view key, const Value& value) {
  append(out, key);
  append_json(out, value);
}

[[gnu::always_inline]] inline void put_name(TextBuffer& out, std::string_view key,
                                            std::string_view name) {
  append(out, key);
  append_json_name(out, name);
}

inline void put_time(TextBuffer& out, std::string_view key, std::optional<std::int64_t> unix_ns) {
  append(out, key);
  if (!unix_ns) {
    append(out, "null");
    return;
  }
  out.push_back('"');
  append_rfc3339(out, *unix_ns);
  out.push_back('"');
}

}  // namespace closewatch
