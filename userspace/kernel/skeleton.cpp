// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/skeleton.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "closewatch_cast.skel.h"

namespace closewatch {
namespace {

int speak(libbpf_print_level /*level*/, const char* format, va_list arguments) {
  return std::vfprintf(stderr, format, arguments);
}

int keep_silent(libbpf_print_level /*level*/, const char* /*format*/, va_list /*arguments*/) {
  return 0;
}

}  // namespace

// What closewatch_bpf::open() does, but for the bytes: one source gives both the same maps,
// programs and globals.
SkeletonPtr open_skeleton(bool read_cast) {
  SkeletonPtr skeleton(static_cast<closewatch_bpf*>(std::calloc(1, sizeof(closewatch_bpf))));
  int status = skeleton ? closewatch_bpf__create_skeleton(skeleton.get()) : -ENOMEM;
  if (status == 0) {
    bpf_object_skeleton& described = *skeleton->skeleton;
    if (read_cast) {
      described.data = const_cast<void*>(closewatch_cast_bpf::elf_bytes(&described.data_sz));
    }
    status = bpf_object__open_skeleton(&described, nullptr);
  }
  if (status != 0) {
    skeleton.reset();
    errno = -status;
  }
  return skeleton;
}

void set_libbpf_output(bool verbose) {
  libbpf_set_print(verbose ? speak : keep_silent);
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
}

}  // namespace closewatch
