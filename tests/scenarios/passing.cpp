// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/passing.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace closewatch::scenarios {
namespace {

// One message of one byte, with room for one descriptor.
struct Parcel {
  Parcel() {
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;

  char byte = 0;
  iovec data{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
};

}  // namespace

Channel open_channel() {
  std::array<int, 2> ends{-1, -1};
  static_cast<void>(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  return {ends[0], ends[1]};
}

void send_descriptor(int channel, int fd) {
  Parcel parcel;
  cmsghdr* header = CMSG_FIRSTHDR(&parcel.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  static_cast<void>(::sendmsg(channel, &parcel.message, MSG_NOSIGNAL));
}

int take_descriptor(int channel) {
  Parcel parcel;
  if (::recvmsg(channel, &parcel.message, MSG_CMSG_CLOEXEC) != 1) {
    return -1;
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&parcel.message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    return -1;
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

}  // namespace closewatch::scenarios
