// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/endpoint_text.h"

#include "userspace/render/escape.h"

namespace closewatch {
namespace {

constexpr std::size_t kGroups = 8;

struct Run {
  std::size_t begin = kGroups;
  std::size_t length = 0;
};

// The longest run of zero groups, the first of equals; one group alone is no run (RFC 5952 4.2).
Run longest_zero_run(const std::array<unsigned, kGroups>& groups) {
  Run best;
  for (std::size_t begin = 0; begin < kGroups; ++begin) {
    std::size_t end = begin;
    while (end < kGroups && groups[end] == 0) {
      ++end;
    }
    if (end - begin >= 2 && end - begin > best.length) {
      best = {begin, end - begin};
    }
  }
  return best;
}

void append_hex_group(TextBuffer& out, unsigned group) {
  bool started = false;
  for (unsigned shift = 16; shift > 0; shift -= 4) {
    const unsigned digit = (group >> (shift - 4)) & 0xf;
    started = started || digit != 0 || shift == 4;
    if (started) {
      out.push_back("0123456789abcdef"[digit]);
    }
  }
}

void append_ipv4(TextBuffer& out, const std::uint8_t* bytes) {
  for (std::size_t index = 0; index < 4; ++index) {
    if (index > 0) {
      out.push_back('.');
    }
    append_number(out, unsigned{bytes[index]});
  }
}

void append_ipv6(TextBuffer& out, const std::array<std::uint8_t, 16>& address) {
  std::array<unsigned, kGroups> groups;
  for (std::size_t index = 0; index < kGroups; ++index) {
    groups[index] = unsigned{address[2 * index]} << 8 | address[2 * index + 1];
  }
  const Run zeros = longest_zero_run(groups);
  for (std::size_t index = 0; index < kGroups;) {
    if (index == zeros.begin) {
      append(out, "::");
      index += zeros.length;
      continue;
    }
    if (index > 0 && index != zeros.begin + zeros.length) {
      out.push_back(':');
    }
    append_hex_group(out, groups[index]);
    ++index;
  }
}

void append_port(TextBuffer& out, const Endpoint& endpoint) {
  append(out, endpoint.is_ipv4() ? ":" : "]:");
  append_number(out, endpoint.port);
}

}  // namespace

void append_address(TextBuffer& out, const std::array<std::uint8_t, 16>& address) {
  if (Endpoint{address, 0}.is_ipv4()) {
    append_ipv4(out, address.data() + 12);
  } else {
    append_ipv6(out, address);
  }
}

void append_endpoint(TextBuffer& out, const Endpoint& endpoint) {
  append(out, endpoint.is_ipv4() ? "" : "[");
  append_address(out, endpoint.address);
  append_port(out, endpoint);
}

void append_endpoint_fitted(TextBuffer& out, const Endpoint& endpoint, std::size_t width) {
  TextBuffer port;
  append_port(port, endpoint);
  const std::size_t from = out.size();
  append(out, endpoint.is_ipv4() ? "" : "[");
  append_address(out, endpoint.address);
  fit_columns(out, from, width - port.size());
  append(out, view_of(port));
}

}  // namespace closewatch
