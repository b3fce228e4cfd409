// SPDX-License-Identifier: Apache-2.0
// TCP segments as bytes of an IP packet: reading those that the kernel sent, building those of the
// scripted peer, with correct checksums; and the ICMP error that answers a segment. One code for
// IPv4 and IPv6. Knows no socket and no connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "userspace/demo/family.h"

namespace closewatch::demo {

enum SegmentFlag : std::uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
};

struct Segment {
  std::uint16_t source_port = 0;
  std::uint16_t target_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;  // meaningful with kAck
  std::uint8_t flags = 0;
  std::uint16_t window = 0;  // bytes: neither end scales
  std::uint16_t urgent = 0;  // offset behind `sequence`, with kUrg
  std::uint32_t length = 0;  // payload bytes
  std::uint16_t mss = 0;     // option, with kSyn; 0 none

  [[nodiscard]] bool has(SegmentFlag flag) const { return (flags & flag) != 0; }
};

// A segment on its way to the address of `to`, whatever the family of the packet. nullopt: the
// packet is none, or goes elsewhere. `packet` begins with the IP header.
std::optional<Segment> parse_segment(std::span<const std::uint8_t> packet, End to);

// The packet that carries `segment` from the peer to the kernel; the payload is a fixed pattern.
std::vector<std::uint8_t> build_packet(const Segment& segment, Family family);

enum class Unreachable : std::uint8_t { port, host };

// The ICMP error that says so, sent because of `offender`, a segment that the kernel sent.
std::vector<std::uint8_t> build_unreachable(Unreachable what, const Segment& offender,
                                            Family family);

}  // namespace closewatch::demo
