// SPDX-License-Identifier: Apache-2.0
// A value that a process and its later forks have in common. Who writes what when is for them to
// agree on (child.h: Sign, Child::wait).
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <new>

#include "tests/storm/must.h"

namespace closewatch::storm {

struct Unmap {
  template <typename Value>
  void operator()(Value* value) const {
    value->~Value();
    ::munmap(value, sizeof *value);
  }
};

template <typename Value>
using Shared = std::unique_ptr<Value, Unmap>;

template <typename Value>
Shared<Value> make_shared_value() {
  void* memory =
      ::mmap(nullptr, sizeof(Value), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    give_up("sharing memory");
  }
  return Shared<Value>(new (memory) Value());
}

}  // namespace closewatch::storm
