// SPDX-License-Identifier: Apache-2.0
// A closure and an amendment in which every field that the kernel fills has a value of its own, so
// that two fields which were mixed up show. `n` tells records apart and keeps them valid.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "userspace/record/closure.h"

namespace closewatch::testing {

inline Task example_task(std::uint32_t n, std::string_view comm) {
  Task task{.pid = 1000 + n,
            .tid = 2000 + n,
            .uid = 33,
            .start_ns = 5'000'000'000U + n,
            .cgroup_id = 4242};
  std::copy(comm.begin(), comm.end(), task.comm_bytes.begin());
  return task;
}

inline Endpoint example_endpoint(std::uint8_t last, std::uint16_t port) {
  return {.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last}, .port = port};
}

inline Closure example_closure(std::uint32_t n) {
  const std::uint64_t end_ns = 60'000'000'000 + std::uint64_t{n} * 1000;
  return {
      .id = {.end_ns = end_ns, .cpu = n % 8},
      .facts = {.peer_fin = true,
                .owned = true,
                .in_close = true,
                .rst_after = true,
                .full_hooks = true},
      .closer = {.closed = true, .exiting = true, .exit_code = 15},
      .role = Role::closer,
      .process = example_task(n, "nginx"),
      .actor = example_task(n + 1, "ss"),
      .state_at_close = TcpState::close_wait,
      .final_state = TcpState::established,
      .shutdown_flags = 3,
      .family = AF_INET,
      .local = example_endpoint(1, 80),
      .peer = example_endpoint(9, static_cast<std::uint16_t>(1024 + n % 60000)),
      .netns = 4026531840,
      .socket_uid = 34,
      .born_ns = end_ns - 900,
      .close_ns = end_ns - 100,
      .end_ns = end_ns,
      .blocked_ns = 12'000,
      .linger_ns = 13'000,
      .sent = 5124,
      .received = 900,
      .never_sent = 4000,
      .unacked = 1000,
      .unread = 300,
      .linger_jiffies = 1250,
      .user_timeout_ms = 700,
      .send_window = 65535,
      .sock_error = 104,
      .sock_soft_error = 113,
      .rst_reason = 11,
      .linger2 = -1,
      .retransmits = 6,
      .probes_out = 7,
      .stack_kernel = 21,
      .stack_user = 22,
  };
}

// A late fact about example_closure(n).
inline Amendment example_amendment(std::uint32_t n) {
  return {
      .id = example_closure(n).id,
      .facts = {.rst_answer = true},
      .closer = {.closed = true},
      .role = Role::user,
      .process = example_task(n + 2, "worker"),
      .time_ns = 70'000'000'000U + n,
      .unread = 77,
      .rst_reason = 9,
  };
}

}  // namespace closewatch::testing
