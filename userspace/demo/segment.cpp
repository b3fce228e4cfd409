// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/segment.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include <algorithm>

namespace closewatch::demo {
namespace {

constexpr std::uint8_t kPayloadByte = 'x';
constexpr std::uint8_t kHopLimit = 64;
constexpr std::size_t kMssOptionLength = 4;

// RFC 1071, over data that the caller feeds in pieces; only the last may have an odd length.
class Checksum {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
      const std::uint32_t low = i + 1 < bytes.size() ? bytes[i + 1] : 0U;
      sum_ += (std::uint32_t{bytes[i]} << 8U) + low;
    }
  }
  void add_word(std::uint32_t word) { sum_ += (word >> 16U) + (word & 0xffffU); }

  [[nodiscard]] std::uint16_t network_order() const {
    std::uint64_t sum = sum_;
    while (sum >> 16U != 0) {
      sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return htons(static_cast<std::uint16_t>(~sum));
  }

 private:
  std::uint64_t sum_ = 0;
};

template <typename Header>
std::span<const std::uint8_t> bytes_of(const Header& header) {
  return {reinterpret_cast<const std::uint8_t*>(&header), sizeof header};
}

template <typename Header>
void append(std::vector<std::uint8_t>& packet, const Header& header) {
  const auto bytes = bytes_of(header);
  packet.insert(packet.end(), bytes.begin(), bytes.end());
}

void add_pseudo_header(Checksum& sum, Family family, std::size_t length, std::uint8_t protocol) {
  if (wire_family(family) == AF_INET6) {
    sum.add(ipv6_address(End::peer));
    sum.add(ipv6_address(End::kernel));
  } else {
    sum.add(ipv4_address(End::peer));
    sum.add(ipv4_address(End::kernel));
  }
  sum.add_word(static_cast<std::uint32_t>(length));
  sum.add_word(protocol);
}

void append_ip_header(std::vector<std::uint8_t>& packet, Family family, End from,
                      std::size_t length, std::uint8_t protocol) {
  const End to = from == End::peer ? End::kernel : End::peer;
  if (wire_family(family) == AF_INET6) {
    ip6_hdr header{};
    header.ip6_flow = htonl(6U << 28U);
    header.ip6_plen = htons(static_cast<std::uint16_t>(length));
    header.ip6_nxt = protocol;
    header.ip6_hlim = kHopLimit;
    std::memcpy(&header.ip6_src, ipv6_address(from).data(), 16);
    std::memcpy(&header.ip6_dst, ipv6_address(to).data(), 16);
    append(packet, header);
    return;
  }
  iphdr header{};
  header.version = 4;
  header.ihl = sizeof header / 4;
  header.tot_len = htons(static_cast<std::uint16_t>(sizeof header + length));
  header.ttl = kHopLimit;
  header.protocol = protocol;
  std::memcpy(&header.saddr, ipv4_address(from).data(), 4);
  std::memcpy(&header.daddr, ipv4_address(to).data(), 4);
  Checksum sum;
  sum.add(bytes_of(header));
  header.check = sum.network_order();
  append(packet, header);
}

tcphdr tcp_header(const Segment& segment, std::size_t options) {
  tcphdr header{};
  header.source = htons(segment.source_port);
  header.dest = htons(segment.target_port);
  header.seq = htonl(segment.sequence);
  header.ack_seq = htonl(segment.ack);
  header.doff = static_cast<std::uint16_t>((sizeof header + options) / 4) & 0xfU;
  header.th_flags = segment.flags;
  header.window = htons(segment.window);
  header.urg_ptr = htons(segment.urgent);
  return header;
}

// The TCP segment that `packet` carries to `to`, header first; empty: none. A packet that the
// kernel sends over loopback may be larger than any MTU, and be of any length within the buffer.
std::span<const std::uint8_t> tcp_of(std::span<const std::uint8_t> packet, End to) {
  if (packet.size() < sizeof(iphdr)) {
    return {};
  }
  if (packet[0] >> 4U == 4) {
    iphdr header{};
    std::memcpy(&header, packet.data(), sizeof header);
    const std::size_t total = ntohs(header.tot_len);
    const std::size_t offset = header.ihl * std::size_t{4};
    if (header.protocol != IPPROTO_TCP || total > packet.size() || offset > total ||
        std::memcmp(&header.daddr, ipv4_address(to).data(), 4) != 0) {
      return {};
    }
    return packet.subspan(offset, total - offset);
  }
  if (packet.size() < sizeof(ip6_hdr)) {
    return {};
  }
  ip6_hdr header{};
  std::memcpy(&header, packet.data(), sizeof header);
  const std::size_t length = ntohs(header.ip6_plen);
  if (header.ip6_nxt != IPPROTO_TCP || sizeof header + length > packet.size() ||
      std::memcmp(&header.ip6_dst, ipv6_address(to).data(), 16) != 0) {
    return {};
  }
  return packet.subspan(sizeof header, length);
}

}  // namespace

std::optional<Segment> parse_segment(std::span<const std::uint8_t> packet, End to) {
  const auto bytes = tcp_of(packet, to);
  if (bytes.size() < sizeof(tcphdr)) {
    return std::nullopt;
  }
  tcphdr header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::size_t offset = header.doff * std::size_t{4};
  if (offset < sizeof header || offset > bytes.size()) {
    return std::nullopt;
  }
  return Segment{.source_port = ntohs(header.source),
                 .target_port = ntohs(header.dest),
                 .sequence = ntohl(header.seq),
                 .ack = ntohl(header.ack_seq),
                 .flags = header.th_flags,
                 .window = ntohs(header.window),
                 .urgent = ntohs(header.urg_ptr),
                 .length = static_cast<std::uint32_t>(bytes.size() - offset)};
}

std::vector<std::uint8_t> build_packet(const Segment& segment, Family family) {
  std::vector<std::uint8_t> tcp;
  append(tcp, tcp_header(segment, segment.mss == 0 ? 0 : kMssOptionLength));
  if (segment.mss != 0) {
    tcp.push_back(TCPOPT_MAXSEG);
    tcp.push_back(TCPOLEN_MAXSEG);
    tcp.push_back(static_cast<std::uint8_t>(segment.mss >> 8U));
    tcp.push_back(static_cast<std::uint8_t>(segment.mss & 0xffU));
  }
  tcp.insert(tcp.end(), segment.length, kPayloadByte);
  Checksum sum;
  add_pseudo_header(sum, family, tcp.size(), IPPROTO_TCP);
  sum.add(tcp);
  const std::uint16_t check = sum.network_order();
  std::memcpy(tcp.data() + offsetof(tcphdr, check), &check, sizeof check);

  std::vector<std::uint8_t> packet;
  append_ip_header(packet, family, End::peer, tcp.size(), IPPROTO_TCP);
  packet.insert(packet.end(), tcp.begin(), tcp.end());
  return packet;
}

std::vector<std::uint8_t> build_unreachable(Unreachable what, const Segment& offender,
                                            Family family) {
  std::vector<std::uint8_t> quoted;
  append_ip_header(quoted, family, End::kernel, sizeof(tcphdr), IPPROTO_TCP);
  append(quoted, tcp_header(offender, 0));

  std::vector<std::uint8_t> icmp;
  const bool v6 = wire_family(family) == AF_INET6;
  std::size_t check_at = 0;
  if (v6) {
    icmp6_hdr header{};
    header.icmp6_type = ICMP6_DST_UNREACH;
    header.icmp6_code =
        what == Unreachable::port ? ICMP6_DST_UNREACH_NOPORT : ICMP6_DST_UNREACH_ADDR;
    append(icmp, header);
    check_at = offsetof(icmp6_hdr, icmp6_cksum);
  } else {
    icmphdr header{};
    header.type = ICMP_DEST_UNREACH;
    header.code = what == Unreachable::port ? ICMP_PORT_UNREACH : ICMP_HOST_UNREACH;
    append(icmp, header);
    check_at = offsetof(icmphdr, checksum);
  }
  icmp.insert(icmp.end(), quoted.begin(), quoted.end());
  Checksum sum;
  if (v6) {
    add_pseudo_header(sum, family, icmp.size(), IPPROTO_ICMPV6);
  }
  sum.add(icmp);
  const std::uint16_t check = sum.network_order();
  std::memcpy(icmp.data() + check_at, &check, sizeof check);

  std::vector<std::uint8_t> packet;
  const std::uint8_t protocol = v6 ? std::uint8_t{IPPROTO_ICMPV6} : std::uint8_t{IPPROTO_ICMP};
  append_ip_header(packet, family, End::peer, icmp.size(), protocol);
  packet.insert(packet.end(), icmp.begin(), icmp.end());
  return packet;
}

}  // namespace closewatch::demo
