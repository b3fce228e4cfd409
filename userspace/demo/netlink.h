// SPDX-License-Identifier: Apache-2.0
// One netlink request and the kernel's answer: enough to bring up a network namespace, to destroy a
// socket and to set up the paths of MPTCP, with nothing installed. Requests go to the namespace of
// the calling thread.
#pragma once

#include <linux/netlink.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "userspace/base/result.h"

namespace closewatch::demo {

class NetlinkRequest {
 public:
  // `flags` in addition to NLM_F_REQUEST | NLM_F_ACK.
  NetlinkRequest(std::uint16_t type, std::uint16_t flags);

  template <typename T>
  NetlinkRequest& body(const T& value) {
    append({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
    return *this;
  }
  NetlinkRequest& attribute(std::uint16_t type, std::span<const std::uint8_t> value);
  template <std::integral T>
  NetlinkRequest& attribute(std::uint16_t type, T value) {
    return attribute(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  // What comes between the two is inside of one attribute.
  NetlinkRequest& open_nest(std::uint16_t type);
  NetlinkRequest& close_nest();

  // Sends it and waits for the acknowledgement: 0, or the errno value that the kernel answered.
  [[nodiscard]] int send(int protocol);
  // Sends it and returns what the kernel answers, header included; empty: errno says why.
  [[nodiscard]] std::vector<std::uint8_t> ask(int protocol);

 private:
  void append(std::span<const std::uint8_t> bytes);

  std::vector<std::uint8_t> message_;
  std::size_t nest_ = 0;  // where the open one begins
};

}  // namespace closewatch::demo
