// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/destroy.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "userspace/demo/failure.h"
#include "userspace/demo/netlink.h"

namespace closewatch::demo {
namespace {

int destroy(Family family, std::uint16_t local_port, std::uint16_t peer_port) {
  inet_diag_req_v2 request{};
  // A v4-mapped socket is looked up by its addresses on the wire (inet_diag_find_one_icsk).
  request.sdiag_family = static_cast<std::uint8_t>(wire_family(family));
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0U;
  request.id.idiag_sport = htons(local_port);
  request.id.idiag_dport = htons(peer_port);
  request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (wire_family(family) == AF_INET6) {
    std::memcpy(request.id.idiag_src, ipv6_address(End::kernel).data(), 16);
    std::memcpy(request.id.idiag_dst, ipv6_address(End::peer).data(), 16);
  } else {
    std::memcpy(request.id.idiag_src, ipv4_address(End::kernel).data(), 4);
    std::memcpy(request.id.idiag_dst, ipv4_address(End::peer).data(), 4);
  }
  return NetlinkRequest{SOCK_DESTROY, 0}.body(request).send(NETLINK_SOCK_DIAG);
}

}  // namespace

int try_destroy_socket(Actor& killer, Family family, std::uint16_t local_port,
                       std::uint16_t peer_port) {
  return killer.run(
      [family, local_port, peer_port] { return destroy(family, local_port, peer_port); });
}

int try_destroy_socket(Actor& killer, Connection& connection) {
  const int error = try_destroy_socket(killer, connection.family(), connection.truth().local_port,
                                       connection.truth().peer_port);
  if (error == EOPNOTSUPP && connection.entry() && !connection.entry()->mini) {
    skip("this kernel has no SOCK_DESTROY");
  }
  return error;
}

void destroy_socket(Actor& killer, Connection& connection) {
  if (const int error = try_destroy_socket(killer, connection); error != 0) {
    give_up("SOCK_DESTROY: errno " + std::to_string(error));
  }
}

}  // namespace closewatch::demo
