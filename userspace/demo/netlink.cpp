// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "userspace/base/unique_fd.h"

namespace closewatch::demo {

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK);
  body(header);
}

NetlinkRequest& NetlinkRequest::attribute(std::uint16_t type, std::span<const std::uint8_t> value) {
  rtattr header{};
  header.rta_type = type;
  header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
  body(header);
  append(value);
  return *this;
}

void NetlinkRequest::append(std::span<const std::uint8_t> bytes) {
  message_.insert(message_.end(), bytes.begin(), bytes.end());
  message_.resize(NLMSG_ALIGN(message_.size()));
}

NetlinkRequest& NetlinkRequest::open_nest(std::uint16_t type) {
  nest_ = message_.size();
  return attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), std::span<std::uint8_t>{});
}

NetlinkRequest& NetlinkRequest::close_nest() {
  const auto length = static_cast<std::uint16_t>(message_.size() - nest_);
  std::memcpy(message_.data() + nest_ + offsetof(rtattr, rta_len), &length, sizeof length);
  return *this;
}

std::vector<std::uint8_t> NetlinkRequest::ask(int protocol) {
  const auto length = static_cast<std::uint32_t>(message_.size());
  std::memcpy(message_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
  const UniqueFd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)};
  std::vector<std::uint8_t> reply(4096);
  ssize_t received = -1;
  if (socket.valid() && ::send(socket.get(), message_.data(), message_.size(), 0) >= 0) {
    received = ::recv(socket.get(), reply.data(), reply.size(), 0);
  }
  if (received >= 0) {
    errno = EBADMSG;  // unless there is a whole message
  }
  reply.resize(
      received < static_cast<ssize_t>(NLMSG_LENGTH(4)) ? 0 : static_cast<std::size_t>(received));
  return reply;
}

int NetlinkRequest::send(int protocol) {
  const std::vector<std::uint8_t> reply = ask(protocol);
  if (reply.empty()) {
    return errno;
  }
  nlmsghdr header{};
  std::memcpy(&header, reply.data(), sizeof header);
  if (header.nlmsg_type != NLMSG_ERROR) {
    return EBADMSG;
  }
  int error = 0;
  std::memcpy(&error, reply.data() + NLMSG_HDRLEN, sizeof error);
  return -error;
}

}  // namespace closewatch::demo
