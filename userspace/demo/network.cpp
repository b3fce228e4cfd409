// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/network.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "userspace/base/unique_fd.h"
#include "userspace/demo/family.h"
#include "userspace/demo/netlink.h"

namespace closewatch::demo {
namespace {

constexpr unsigned kLoopback =
    1;  // its index in every namespace (net/core/dev.c, LOOPBACK_IFINDEX)

// No guesses of the kernel's own (tail loss probes), so that a script is exact.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kSysctls{{
    {"conf/all/rp_filter", "0"},
    {"conf/lo/rp_filter", "0"},
    {"conf/all/accept_local", "1"},
    {"tcp_timestamps", "0"},
    {"tcp_early_retrans", "0"},
}};

int loopback_up() {
  ifinfomsg link{};
  link.ifi_index = static_cast<int>(kLoopback);
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  return NetlinkRequest{RTM_NEWLINK, 0}.body(link).send(NETLINK_ROUTE);
}

template <typename Address>
int add_address(int family, const Address& address) {
  ifaddrmsg message{};
  message.ifa_family = static_cast<std::uint8_t>(family);
  message.ifa_prefixlen = static_cast<std::uint8_t>(8 * address.size());
  message.ifa_index = kLoopback;
  message.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;  // usable at once
  return NetlinkRequest{RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL}
      .body(message)
      .attribute(IFA_LOCAL, address)
      .attribute(IFA_ADDRESS, address)
      .send(NETLINK_ROUTE);
}

// What is sent to `target` comes back to this machine, from `source` unless the sender is bound.
template <typename Address>
int change_local_route(std::uint16_t type, std::uint16_t flags, int family, const Address& target,
                       const Address& source) {
  rtmsg message{};
  message.rtm_family = static_cast<std::uint8_t>(family);
  message.rtm_dst_len = static_cast<std::uint8_t>(8 * target.size());
  message.rtm_table = RT_TABLE_LOCAL;
  message.rtm_protocol = RTPROT_STATIC;
  message.rtm_scope = RT_SCOPE_HOST;
  message.rtm_type = RTN_LOCAL;
  std::array<std::uint8_t, sizeof kLoopback> device{};
  std::memcpy(device.data(), &kLoopback, sizeof kLoopback);
  return NetlinkRequest{type, flags}
      .body(message)
      .attribute(RTA_DST, target)
      .attribute(RTA_OIF, device)
      .attribute(RTA_PREFSRC, source)
      .send(NETLINK_ROUTE);
}

template <typename Address>
int add_local_route(int family, const Address& target, const Address& source) {
  return change_local_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, family, target, source);
}

// The route to an own IPv6 address is the kernel's, but made by a worker some time later
// (addrconf_dad_work), so there is one more from the start.
template <typename Address>
int add_own(int family, const Address& own) {
  int error = add_address(family, own);
  if (error == 0 && family == AF_INET6) {
    error = add_local_route(family, own, own);
  }
  return error == EEXIST ? 0 : error;
}

// Both ends are local. A unicast route to the peer would do for IPv4 only: IPv6 refuses one over
// loopback (fib6_is_reject, net/ipv6/route.c).
template <typename Address>
int add_ends(int family, const Address& own, const Address& peer) {
  const int error = add_own(family, own);
  return error == 0 ? add_local_route(family, peer, own) : error;
}

Error failed(std::string_view doing, int error) {
  return {.what = std::string{doing} + ": " + std::strerror(error), .hint = ""};
}

}  // namespace

Result<> set_sysctl(std::string_view name, std::string_view value) {
  const std::string path = "/proc/sys/net/ipv4/" + std::string{name};
  const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!file.valid() || ::write(file.get(), value.data(), value.size()) < 0) {
    return failed(path, errno);
  }
  return {};
}

Result<> remove_route_to_peer(Family family) {
  const int error = wire_family(family) == AF_INET6
                        ? change_local_route(RTM_DELROUTE, 0, AF_INET6, ipv6_address(End::peer),
                                             ipv6_address(End::kernel))
                        : change_local_route(RTM_DELROUTE, 0, AF_INET, ipv4_address(End::peer),
                                             ipv4_address(End::kernel));
  return error == 0 ? Result<>{} : failed("removing the route to the peer", error);
}

Result<> restore_route_to_peer(Family family) {
  const int error =
      wire_family(family) == AF_INET6
          ? add_local_route(AF_INET6, ipv6_address(End::peer), ipv6_address(End::kernel))
          : add_local_route(AF_INET, ipv4_address(End::peer), ipv4_address(End::kernel));
  return error == 0 ? Result<>{} : failed("restoring the route to the peer", error);
}

Result<> add_second_address(Family family) {
  const int error = wire_family(family) == AF_INET6 ? add_own(AF_INET6, ipv6_address(End::second))
                                                    : add_own(AF_INET, ipv4_address(End::second));
  return error == 0 ? Result<>{} : failed("a second address", error);
}

Result<> bring_up_network() {
  if (const int error = loopback_up(); error != 0) {
    return failed("loopback up", error);
  }
  if (const int error = add_ends(AF_INET, ipv4_address(End::kernel), ipv4_address(End::peer));
      error != 0) {
    return failed("IPv4 address and route", error);
  }
  // A kernel without IPv6 still plays IPv4; the socket that is missing says so itself.
  const int error = add_ends(AF_INET6, ipv6_address(End::kernel), ipv6_address(End::peer));
  if (error != 0 && error != EOPNOTSUPP && error != EAFNOSUPPORT) {
    return failed("IPv6 address and route", error);
  }
  for (const auto& [name, value] : kSysctls) {
    if (auto done = set_sysctl(name, value); !done) {
      return done;
    }
  }
  return {};
}

}  // namespace closewatch::demo
