// SPDX-License-Identifier: Apache-2.0
// Addresses as text: plain IPv4 for v4-mapped ones, RFC 5952 for IPv6.
#pragma once

#include <array>
#include <cstdint>

#include "userspace/record/closure.h"
#include "userspace/render/text_buffer.h"

namespace closewatch {

// "10.0.0.9" or "2001:db8::1". IPv4 only for ::ffff:0:0/96; other embedded forms stay hexadecimal.
void append_address(TextBuffer& out, const std::array<std::uint8_t, 16>& address);

// "10.0.0.9:443" or "[2001:db8::1]:443".
void append_endpoint(TextBuffer& out, const Endpoint& endpoint);

// The same in at most `width` (>= 12) columns: the address is cut with ~, the port stays whole.
void append_endpoint_fitted(TextBuffer& out, const Endpoint& endpoint, std::size_t width);

}  // namespace closewatch
