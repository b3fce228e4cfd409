// SPDX-License-Identifier: Apache-2.0
// The network of a peer, /24 of IPv4 and /64 of IPv6: what a rollup tells apart of addresses. Also
// addresses from and to text, as they are stored.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace closewatch::history {

using Address = std::array<std::uint8_t, 16>;  // network order, IPv4 as ::ffff:a.b.c.d

// The first address of the network.
Address network_of(const Address& address);

std::string address_text(const Address& address);            // "10.0.0.9", "2001:db8::1"
std::optional<Address> address_from(std::string_view text);  // of address_text()
std::string network_text(const Address& network);            // "10.0.0.0/24"
std::optional<Address> network_from(std::string_view text);  // of network_text()

}  // namespace closewatch::history
