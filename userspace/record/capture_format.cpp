// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/capture_format.h"

#include <zlib.h>

namespace closewatch {

std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t before) {
  return static_cast<std::uint32_t>(
      ::crc32_z(before, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace closewatch
