// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/capture_format.h"

#include <libdeflate.h>

namespace closewatch {

std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t before) {
  return ::libdeflate_crc32(before, bytes.data(), bytes.size());
}

}  // namespace closewatch
