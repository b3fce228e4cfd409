// SPDX-License-Identifier: Apache-2.0
// One netlink request and the kernel's acknowledgement: enough to bring up a network namespace and
// to destroy a socket, with nothing installed. Requests go to the namespace of the calling thread.
#pragma once

#include <linux/netlink.h>

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

  // Sends it and waits for the acknowledgement: 0, or the errno value that the kernel answered.
  [[nodiscard]] int send(int protocol);

 private:
  void append(std::span<const std::uint8_t> bytes);

  std::vector<std::uint8_t> message_;
};

}  // namespace closewatch::demo
