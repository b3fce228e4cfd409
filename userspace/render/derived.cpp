// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/derived.h"

#include <string.h>

namespace closewatch {

void append_flags(TextBuffer& out, const Facts& facts, std::string_view quote,
                  std::string_view separator) {
  std::string_view before;
  for (const Flag& flag : kFlags) {
    if (facts.*flag.fact) {
      append(out, before);
      append(out, quote);
      append(out, flag.name);
      append(out, quote);
      before = separator;
    }
  }
}

void append_errno(TextBuffer& out, std::int32_t number) {
  if (const char* name = ::strerrorname_np(number)) {
    append(out, name);
  } else {
    append_number(out, number);
  }
}

}  // namespace closewatch
