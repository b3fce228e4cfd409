// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/link.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <string>

#include "userspace/demo/deadline.h"
#include "userspace/demo/failure.h"

namespace closewatch::demo {
namespace {

constexpr int kLoopbackIndex = 1;

sockaddr_ll link_address(Family family) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(wire_family(family) == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP);
  address.sll_ifindex = kLoopbackIndex;
  address.sll_halen = ETH_ALEN;
  return address;
}

}  // namespace

Link::Link(Family family)
    : family_{family}, socket_{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
  const sockaddr_ll address = link_address(family);
  if (!socket_.valid() ||
      ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up("packet socket on loopback");
  }
}

void Link::transmit(const std::vector<std::uint8_t>& packet) {
  const sockaddr_ll address = link_address(family_);
  if (::sendto(socket_.get(), packet.data(), packet.size(), 0,
               reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    give_up("sending a packet of the peer");
  }
}

void Link::send(const Segment& segment) { transmit(build_packet(segment, family_)); }

void Link::send_unreachable(Unreachable what, const Segment& offender) {
  transmit(build_unreachable(what, offender, family_));
}

void Link::pump(std::chrono::milliseconds wait) {
  pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, static_cast<int>(wait.count())) <= 0) {
    return;
  }
  std::array<std::uint8_t, 1U << 16U> packet;
  for (;;) {
    const ssize_t length = ::recv(socket_.get(), packet.data(), packet.size(), 0);
    if (length < 0) {
      return;
    }
    const auto size = static_cast<std::size_t>(length);
    if (auto segment = parse_segment(std::span{packet}.first(size), End::peer)) {
      seen_.push_back(*segment);
    }
  }
}

void Link::await(const char* what, const std::function<bool()>& done) {
  const Deadline deadline;
  std::chrono::milliseconds interval = kPollInterval;
  pump(std::chrono::milliseconds{0});
  while (!done()) {
    if (deadline.passed()) {
      give_up(std::string{"waited in vain for "} + what);
    }
    pump(interval);
    interval = std::min(2 * interval, kLongestPollInterval);
  }
}

Silencer::Silencer(Family family, std::uint16_t port)
    : socket_{::socket(wire_family(family), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)} {
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &drop};
  SocketAddress any;
  any.storage.ss_family = static_cast<sa_family_t>(wire_family(family));
  any.length = wire_family(family) == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  // The port is at the same place in both.
  reinterpret_cast<sockaddr_in*>(&any.storage)->sin_port = htons(port);
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      ::bind(socket_.get(), any.get(), any.length) != 0 || ::listen(socket_.get(), 1) != 0) {
    give_up("silencing a port of the peer");
  }
}

}  // namespace closewatch::demo
