// SPDX-License-Identifier: Apache-2.0
// A closure that still runs in the background: the application released the socket, the kernel has
// not settled with the peer yet.
#pragma once

#include <cstdint>
#include <optional>

#include "userspace/record/closure.h"

namespace closewatch {

struct PendingClose {
  Task process;
  Role role = Role::none;
  std::optional<std::uint64_t> age_ns;  // since close()
  std::uint32_t unacked = 0;            // bytes sent, not acknowledged
  std::uint32_t never_sent = 0;         // bytes not sent yet
  std::uint32_t netns = 0;
  TcpState state = TcpState::none;
  Endpoint local;
  Endpoint peer;
};

}  // namespace closewatch
