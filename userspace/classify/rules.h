// SPDX-License-Identifier: Apache-2.0
// The rules that name the reason of a closure, as one ordered table: the first that applies wins,
// and the last always applies. The order is part of the meaning and follows the kernel's own
// (kernel.md 2.2); it assumes the facts as enum cw_fact in bpf/abi.h defines them.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "userspace/classify/verdict.h"
#include "userspace/record/closure.h"

namespace closewatch {

// What a rule may rest on; evidence.h prints it with the value of a closure.
enum class Fact : std::uint8_t {
  none,
  final_state,
  sock_error,
  sock_soft_error,
  shutdown_flags,
  never_sent,
  unacked,
  unread,
  send_window,
  retransmits,
  probes_out,
  user_timeout_ms,
  linger_jiffies,
  linger_outcome,
  linger2,
  dead,
  peer_fin,
  peer_fin_first,
  closing,
  fin_queued,
  owned,
  in_close,
  never_accepted,
  reset_called,
  rst_in,
  no_rst_in,
  rst_before,
  rst_after,
  rst_answer,
  linger,
  repair,
  keepalive,
  disconnect,
  stuck_orphan,
  aborted_by_other,
  mptcp,
  kernel_socket,
};

struct Rule {
  static constexpr std::size_t kMaxFacts = 7;

  // The reason's name; with a dot and a qualifier where several rules give the same reason.
  std::string_view id;
  Reason reason;
  bool (*applies)(const Closure& closure, LingerOutcome linger);
  std::array<Fact, kMaxFacts> rests_on;  // the rest is Fact::none
};

std::span<const Rule> rules();

// The first rule that applies.
const Rule& rule_for(const Closure& closure, LingerOutcome linger);

// nullptr for an id that no rule has.
const Rule* rule_named(std::string_view id);

// SO_LINGER with time 0: close() resets instead of sending a FIN.
bool lingers_zero(const Closure& closure);

// SOCK_DESTROY or bpf_sock_destroy() ended the connection.
bool destroyed_by_other(const Closure& closure);

}  // namespace closewatch
