// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/tcp_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace closewatch {
namespace {

using Host = std::array<std::uint8_t, 16>;

constexpr std::size_t kMappedPrefix = 12;
constexpr Host kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr Host kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole ? std::optional{port} : std::nullopt;
}

}  // namespace

std::optional<TcpAddress> tcp_address_of(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find('\0') != std::string_view::npos) {
    return std::nullopt;  // inet_pton() would read no further than a NUL
  }
  const auto port = port_of(text.substr(colon + 1));
  std::string host{text.substr(0, colon)};
  if (!port) {
    return std::nullopt;
  }
  TcpAddress address;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(*port);
    if (::inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) != 1) {
      return std::nullopt;
    }
    std::memcpy(&address.storage, &in6, sizeof in6);
    address.size = sizeof in6;
    return address;
  }
  sockaddr_in in4{};
  in4.sin_family = AF_INET;
  in4.sin_port = htons(*port);
  if (::inet_pton(AF_INET, host.c_str(), &in4.sin_addr) != 1) {
    return std::nullopt;
  }
  std::memcpy(&address.storage, &in4, sizeof in4);
  address.size = sizeof in4;
  return address;
}

std::optional<Host> host_of(const sockaddr* address) {
  Host host = kMapped;
  if (address->sa_family == AF_INET) {
    sockaddr_in in4{};
    std::memcpy(&in4, address, sizeof in4);
    std::memcpy(host.data() + kMappedPrefix, &in4.sin_addr, sizeof in4.sin_addr);
    return host;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, address, sizeof in6);
    std::memcpy(host.data(), &in6.sin6_addr, host.size());
    return host;
  }
  return std::nullopt;
}

bool is_loopback(const sockaddr* address) {
  const auto host = host_of(address);
  if (!host) {
    return false;
  }
  const bool mapped = std::equal(host->begin(), host->begin() + kMappedPrefix, kMapped.begin());
  return mapped ? host->at(kMappedPrefix) == 127 : *host == kLoopback;
}

}  // namespace closewatch
