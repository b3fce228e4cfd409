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

// Short timers and no guesses of the kernel's own (tail loss probes), so that a script is exact.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSysctls{{
    {"conf/all/rp_filter", "0"},
    {"conf/lo/rp_filter", "0"},
    {"conf/all/accept_local", "1"},
    {"tcp_timestamps", "0"},
    {"tcp_early_retrans", "0"},
    {"tcp_fin_timeout", "2"},
    {"tcp_orphan_retries", "2"},
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

// Packets to the peer are local, and the route picks our own address as their source. A unicast
// route would do for IPv4 only: IPv6 refuses one over loopback (fib6_is_reject, net/ipv6/route.c).
template <typename Address>
int add_route(int family, const Address& peer, const Address& own) {
  rtmsg message{};
  message.rtm_family = static_cast<std::uint8_t>(family);
  message.rtm_dst_len = static_cast<std::uint8_t>(8 * peer.size());
  message.rtm_table = RT_TABLE_LOCAL;
  message.rtm_protocol = RTPROT_STATIC;
  message.rtm_scope = RT_SCOPE_HOST;
  message.rtm_type = RTN_LOCAL;
  std::array<std::uint8_t, sizeof kLoopback> device{};
  std::memcpy(device.data(), &kLoopback, sizeof kLoopback);
  return NetlinkRequest{RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL}
      .body(message)
      .attribute(RTA_DST, peer)
      .attribute(RTA_OIF, device)
      .attribute(RTA_PREFSRC, own)
      .send(NETLINK_ROUTE);
}

template <typename Address>
int add_ends(int family, const Address& own, const Address& peer) {
  const int error = add_address(family, own);
  return error != 0 ? error : add_route(family, peer, own);
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
