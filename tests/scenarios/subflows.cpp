// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/subflows.h"

#include <linux/mptcp.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace closewatch::scenarios {
namespace {

constexpr int kMptcpLevel = 284;  // SOL_MPTCP

template <typename Element>
struct Answer {
  mptcp_subflow_data head{.size_subflow_data = sizeof(mptcp_subflow_data),
                          .num_subflows = 0,
                          .size_kernel = 0,
                          .size_user = sizeof(Element)};
  std::array<Element, kSubflows> each{};
};

template <typename Element>
Answer<Element> ask(int fd, int option) {
  Answer<Element> answer;
  socklen_t size = sizeof answer;
  static_cast<void>(::getsockopt(fd, kMptcpLevel, option, &answer, &size));  // none, then
  return answer;
}

}  // namespace

Subflows subflows_of(int fd) {
  const auto addresses = ask<mptcp_subflow_addrs>(fd, MPTCP_SUBFLOW_ADDRS);
  const auto numbers = ask<tcp_info>(fd, MPTCP_TCPINFO);
  Subflows subflows;
  subflows.count =
      std::min<std::uint32_t>({addresses.head.num_subflows, numbers.head.num_subflows, kSubflows});
  for (std::size_t i = 0; i < subflows.count; ++i) {
    const tcp_info& info = numbers.each[i];
    // The port is at the same place in both families.
    subflows.each[i] = {
        .local_port = ntohs(addresses.each[i].sin_local.sin_port),
        .peer_port = ntohs(addresses.each[i].sin_remote.sin_port),
        .written = static_cast<std::uint32_t>(info.tcpi_bytes_sent - info.tcpi_bytes_retrans) +
                   info.tcpi_notsent_bytes,
        .received = static_cast<std::uint32_t>(info.tcpi_bytes_received),
        .unacked = info.tcpi_unacked};
  }
  return subflows;
}

}  // namespace closewatch::scenarios
