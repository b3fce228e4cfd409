// SPDX-License-Identifier: Apache-2.0
// What several output forms derive from a finding in the same way: the flags of design.md section
// 3, resets, times and units.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "userspace/pipeline/finding.h"
#include "userspace/render/text_buffer.h"

namespace closewatch {

struct Flag {
  std::string_view name;
  bool Facts::*fact;
};

// In the order in which they are listed.
inline constexpr std::array<Flag, 8> kFlags{{
    {"tls", &Facts::tls},
    {"mptcp_subflow", &Facts::mptcp},
    {"never_accepted", &Facts::never_accepted},
    {"peer_never_closed", &Facts::peer_never_closed},
    {"late_data_reset", &Facts::late_data_reset},
    {"seen_before_start", &Facts::before_start},
    {"kernel_socket", &Facts::kernel_socket},
    {"recovered", &Facts::recovered},
}};

// The names of the flags that are set, `quote` around and `separator` between them.
void append_flags(TextBuffer& out, const Facts& facts, std::string_view quote,
                  std::string_view separator);

inline bool any_flag(const Facts& facts) {
  return std::any_of(kFlags.begin(), kFlags.end(),
                     [&facts](const Flag& flag) { return facts.*flag.fact; });
}

// We sent a RST, at any time; data that reaches a timewait socket is answered with one. Not known
// where no hook saw the end.
inline std::optional<bool> rst_sent(const Facts& facts) {
  const bool seen =
      facts.rst_before || facts.rst_after || facts.rst_answer || facts.late_data_reset;
  return seen || !facts.recovered ? std::optional{seen} : std::nullopt;
}

// A real RST arrived, as opposed to the kernel's tcp_reset() having run.
inline bool rst_received(const Finding& finding) {
  return finding.closure.facts.rst_in || finding.verdict.reason == Reason::reset_by_peer ||
         (finding.verdict.reason == Reason::refused && finding.closure.facts.reset_called);
}

inline bool is_ipv4(const Closure& closure) {
  return closure.local.is_ipv4() || closure.peer.is_ipv4();
}

inline std::optional<std::uint32_t> known_netns(const Closure& closure) {
  return closure.netns != 0 ? std::optional{closure.netns} : std::nullopt;
}

// From established to the end; nullopt when the start was not seen.
inline std::optional<std::uint64_t> lifetime_us(const Closure& closure) {
  if (!closure.born_ns || *closure.born_ns > closure.end_ns) {
    return std::nullopt;
  }
  return (closure.end_ns - *closure.born_ns) / 1000;
}

// Empty when it is not known.
inline std::string_view linger_outcome(const Verdict& verdict) {
  return verdict.linger == LingerOutcome::unknown ? std::string_view{} : name_of(verdict.linger);
}

// The time of SO_LINGER; nullopt when it is off or the length of a tick is not known (0).
inline std::optional<std::uint64_t> linger_seconds(const Closure& closure, std::uint64_t tick_ns) {
  if (!closure.facts.linger || tick_ns == 0) {
    return std::nullopt;
  }
  constexpr std::uint64_t kSecond = 1'000'000'000;
  return (closure.linger_jiffies * tick_ns + kSecond / 2) / kSecond;
}

// "ETIMEDOUT"; the number as text where the C library knows no name.
void append_errno(TextBuffer& out, std::int32_t number);

}  // namespace closewatch
