// SPDX-License-Identifier: Apache-2.0
// What is allocated at the moment and not yet freed, in bytes. Unlike resident memory it does not
// depend on what an allocator, or a sanitizer's quarantine, keeps back.
#pragma once

#include <malloc.h>

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CLOSEWATCH_SANITIZED_ALLOCATOR
#include <sanitizer/allocator_interface.h>
#endif
#endif

namespace closewatch {

inline std::size_t live_bytes() {
#ifdef CLOSEWATCH_SANITIZED_ALLOCATOR
  return ::__sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

}  // namespace closewatch
