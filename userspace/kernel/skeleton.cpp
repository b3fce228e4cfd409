// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/skeleton.h"

#include <cstdarg>
#include <cstdio>

namespace closewatch {
namespace {

int speak(libbpf_print_level /*level*/, const char* format, va_list arguments) {
  return std::vfprintf(stderr, format, arguments);
}

int keep_silent(libbpf_print_level /*level*/, const char* /*format*/, va_list /*arguments*/) {
  return 0;
}

}  // namespace

void set_libbpf_output(bool verbose) {
  libbpf_set_print(verbose ? speak : keep_silent);
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
}

}  // namespace closewatch
