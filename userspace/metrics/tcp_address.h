// SPDX-License-Identifier: Apache-2.0
// A numeric address with its port, as configuration writes it and as sockets take it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace closewatch {

struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "127.0.0.1:10177" or "[::1]:10177"; nullopt for anything else, names of hosts included.
std::optional<TcpAddress> tcp_address_of(std::string_view text);

// 16 bytes in network order, IPv4 as ::ffff:a.b.c.d; nullopt when it is not of an internet family.
std::optional<std::array<std::uint8_t, 16>> host_of(const sockaddr* address);

// 127.0.0.0/8, also v4-mapped, and ::1.
bool is_loopback(const sockaddr* address);

}  // namespace closewatch
