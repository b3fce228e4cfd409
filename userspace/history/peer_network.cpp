// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/peer_network.h"

#include <arpa/inet.h>

#include <algorithm>

#include "userspace/record/closure.h"
#include "userspace/render/endpoint_text.h"

namespace closewatch::history {
namespace {

bool is_ipv4(const Address& address) { return Endpoint{.address = address}.is_ipv4(); }

}  // namespace

Address network_of(const Address& address) {
  Address network = address;
  const std::size_t kept = is_ipv4(address) ? 15 : 8;
  std::fill(network.begin() + static_cast<std::ptrdiff_t>(kept), network.end(), std::uint8_t{0});
  return network;
}

std::string address_text(const Address& address) {
  TextBuffer text;
  append_address(text, address);
  return std::string(view_of(text));
}

std::optional<Address> address_from(std::string_view text) {
  const std::string terminated(text);
  Address address{};
  if (text.find(':') != std::string_view::npos) {
    return ::inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1 ? std::optional{address}
                                                                          : std::nullopt;
  }
  address[10] = address[11] = 0xff;
  return ::inet_pton(AF_INET, terminated.c_str(), address.data() + 12) == 1 ? std::optional{address}
                                                                            : std::nullopt;
}

std::string network_text(const Address& network) {
  return address_text(network) + (is_ipv4(network) ? "/24" : "/64");
}

std::optional<Address> network_from(std::string_view text) {
  return address_from(text.substr(0, text.find('/')));
}

}  // namespace closewatch::history
