// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/endpoints.h"

#include <linux/genetlink.h>
#include <linux/mptcp.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "userspace/demo/failure.h"
#include "userspace/demo/netlink.h"

namespace closewatch::scenarios {
namespace {

using demo::End;
using demo::Family;
using demo::NetlinkRequest;

// The number that the kernel has given to the family of MPTCP_PM_NAME.
std::uint16_t path_manager() {
  constexpr std::string_view kName{MPTCP_PM_NAME "\0", sizeof MPTCP_PM_NAME};
  const std::vector<std::uint8_t> reply =
      NetlinkRequest{GENL_ID_CTRL, 0}
          .body(genlmsghdr{.cmd = CTRL_CMD_GETFAMILY, .version = 1, .reserved = 0})
          .attribute(CTRL_ATTR_FAMILY_NAME,
                     {reinterpret_cast<const std::uint8_t*>(kName.data()), kName.size()})
          .ask(NETLINK_GENERIC);
  for (std::size_t at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN <= reply.size();) {
    nlattr header{};
    std::memcpy(&header, reply.data() + at, sizeof header);
    if (header.nla_type == CTRL_ATTR_FAMILY_ID) {
      std::uint16_t id = 0;
      std::memcpy(&id, reply.data() + at + NLA_HDRLEN, sizeof id);
      return id;
    }
    at += NLA_ALIGN(header.nla_len);
  }
  demo::skip("this kernel has no MPTCP");
}

NetlinkRequest request(std::uint8_t command) {
  NetlinkRequest request{path_manager(), 0};
  request.body(genlmsghdr{.cmd = command, .version = MPTCP_PM_VER, .reserved = 0});
  return request;
}

void carry_out(NetlinkRequest& request, const char* what) {
  if (const int error = request.send(NETLINK_GENERIC); error != 0) {
    demo::give_up(std::string{what} + ": errno " + std::to_string(error));
  }
}

}  // namespace

void allow_second_subflow() {
  NetlinkRequest limits = request(MPTCP_PM_CMD_SET_LIMITS);
  limits.attribute(MPTCP_PM_ATTR_RCV_ADD_ADDRS, std::uint32_t{1})
      .attribute(MPTCP_PM_ATTR_SUBFLOWS, std::uint32_t{1});
  carry_out(limits, "limits of MPTCP");
}

void connect_also_from(Family family, End end) {
  NetlinkRequest add = request(MPTCP_PM_CMD_ADD_ADDR);
  add.open_nest(MPTCP_PM_ATTR_ADDR)
      .attribute(MPTCP_PM_ADDR_ATTR_FAMILY, static_cast<std::uint16_t>(wire_family(family)))
      .attribute(MPTCP_PM_ADDR_ATTR_ID, std::uint8_t{1})
      .attribute(MPTCP_PM_ADDR_ATTR_FLAGS, std::uint32_t{MPTCP_PM_ADDR_FLAG_SUBFLOW});
  if (wire_family(family) == AF_INET6) {
    add.attribute(MPTCP_PM_ADDR_ATTR_ADDR6, demo::ipv6_address(end));
  } else {
    add.attribute(MPTCP_PM_ADDR_ATTR_ADDR4, demo::ipv4_address(end));
  }
  carry_out(add.close_nest(), "endpoint of MPTCP");
}

}  // namespace closewatch::scenarios
