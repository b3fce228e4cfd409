// SPDX-License-Identifier: Apache-2.0
// The three kinds of TCP socket that a situation is played with, and the addresses of both ends.
// Everything else in this folder is written once and asks here.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace closewatch::demo {

enum class Family : std::uint8_t {
  ipv4,
  ipv6,
  mapped
};  // mapped: AF_INET6 socket, IPv4 on the wire
inline constexpr std::array kFamilies{Family::ipv4, Family::ipv6, Family::mapped};

constexpr std::string_view name_of(Family family) {
  constexpr std::array<std::string_view, 3> kNames{"ipv4", "ipv6", "mapped"};
  return kNames[static_cast<std::size_t>(family)];
}

// AF_INET or AF_INET6: of the socket, and of the packets.
constexpr int socket_family(Family family) { return family == Family::ipv4 ? AF_INET : AF_INET6; }
constexpr int wire_family(Family family) { return family == Family::ipv6 ? AF_INET6 : AF_INET; }

// second: a further address of the kernel's, where a script adds it (add_second_address).
enum class End : std::uint8_t { kernel, peer, second };

// 192.0.2.1 to .3 and 2001:db8::1 to ::3 (documentation addresses, RFC 5737, RFC 3849).
constexpr std::uint8_t host_number(End end) { return static_cast<std::uint8_t>(end) + 1; }
constexpr std::array<std::uint8_t, 4> ipv4_address(End end) {
  return {192, 0, 2, host_number(end)};
}
constexpr std::array<std::uint8_t, 16> ipv6_address(End end) {
  return {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host_number(end)};
}
constexpr std::string_view address_text(Family family, End end) {
  constexpr std::array<std::string_view, 3> kIpv4{"192.0.2.1", "192.0.2.2", "192.0.2.3"};
  constexpr std::array<std::string_view, 3> kIpv6{"2001:db8::1", "2001:db8::2", "2001:db8::3"};
  return (wire_family(family) == AF_INET6 ? kIpv6 : kIpv4)[static_cast<std::size_t>(end)];
}

// A socket address in the form that a socket of `domain` (AF_INET or AF_INET6) takes.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

inline SocketAddress socket_address(Family family, End end, std::uint16_t port) {
  SocketAddress result;
  if (family == Family::ipv4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ipv4_address(end).data(), 4);
    std::memcpy(&result.storage, &in, sizeof in);
    result.length = sizeof in;
    return result;
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  if (family == Family::ipv6) {
    std::memcpy(&in6.sin6_addr, ipv6_address(end).data(), 16);
  } else {
    std::uint8_t* bytes = in6.sin6_addr.s6_addr;
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes + 12, ipv4_address(end).data(), 4);
  }
  std::memcpy(&result.storage, &in6, sizeof in6);
  result.length = sizeof in6;
  return result;
}

}  // namespace closewatch::demo
