// SPDX-License-Identifier: Apache-2.0
// The layout of a capture file, shared by its writer and its reader; README.md describes it for
// everybody else. All numbers are little-endian. Any change is a new kCaptureVersion.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace closewatch {

static_assert(std::endian::native == std::endian::little,
              "captures are read and written as they are");

// The first bytes of a file: a byte that is no text, and a line end that a text transfer would
// mend.
inline constexpr std::array<unsigned char, 8> kCaptureMagic{0x89, 'C', 'W',  'C',
                                                            'A',  'P', '\r', '\n'};
inline constexpr std::uint32_t kCaptureVersion = 1;

inline constexpr std::uint32_t kMaxHeaderBody = 1U << 16;  // bytes
inline constexpr std::uint32_t kMaxPayload = 1U << 20;     // bytes of one block
inline constexpr std::uint32_t kBlockTarget = 1U << 18;    // the writer begins a new block here
inline constexpr std::size_t kMaxText = 4096;              // bytes of one text (PATH_MAX)
inline constexpr std::uint16_t kUnknownText = 0xffff;      // in place of a length
inline constexpr std::size_t kMaxFrames = 128;             // of one stack
static_assert(kMaxFrames * (kMaxText + 2) + kBlockTarget < kMaxPayload);

// At offset 0; the body follows (README.md), then the first block.
struct FilePrefix {
  std::array<unsigned char, 8> magic;
  std::uint32_t version;
  std::uint32_t body_length;  // bytes
  std::uint32_t checksum;     // of the 16 bytes before it and the body
};
static_assert(sizeof(FilePrefix) == 20);

enum class BlockKind : std::uint32_t {
  records = 1,
  gap = 2,
  processes = 3,
  stacks = 4,
  totals = 5,
  trailer = 6,
};

// Before each payload.
struct BlockHeader {
  std::uint32_t kind;
  std::uint32_t flags;             // none yet; room for compression
  std::uint32_t length;            // bytes of payload
  std::uint32_t count;             // entries in it
  std::uint64_t batch_end_ns;      // CLOCK_BOOTTIME when the batch ended with it; 0: goes on
  std::uint64_t first_ns;          // earliest cw_header.id of a records block; else 0
  std::uint64_t last_ns;           // latest
  std::uint32_t payload_checksum;  // of the payload
  std::uint32_t header_checksum;   // of the 44 bytes before it
};
static_assert(sizeof(BlockHeader) == 48);

// CRC-32 as gzip and zlib compute it; `before` continues an earlier one.
std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace closewatch
