// SPDX-License-Identifier: Apache-2.0
// The yes/no facts as one number of the columns `facts` and `closer`. The place in these lists is
// the bit, so names are only ever added at their ends; README.md lists them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "userspace/record/closure.h"

namespace closewatch::history {

inline constexpr std::array kFactBits{
    &Facts::dead,
    &Facts::peer_fin,
    &Facts::linger,
    &Facts::repair,
    &Facts::owned,
    &Facts::in_close,
    &Facts::never_accepted,
    &Facts::fin_queued,
    &Facts::closing,
    &Facts::reset_called,
    &Facts::rst_in,
    &Facts::no_rst_in,
    &Facts::rst_before,
    &Facts::rst_after,
    &Facts::rst_answer,
    &Facts::awaits_rst,
    &Facts::timewait,
    &Facts::linger_wait,
    &Facts::linger_acked,
    &Facts::linger_left,
    &Facts::before_start,
    &Facts::tls,
    &Facts::mptcp,
    &Facts::kernel_socket,
    &Facts::active_open,
    &Facts::fd_open,
    &Facts::disconnect,
    &Facts::stuck_orphan,
    &Facts::keepalive,
    &Facts::full_hooks,
    &Facts::aborted_by_other,
    &Facts::peer_fin_first,
    &Facts::late_data_reset,
    &Facts::peer_never_closed,
    &Facts::recovered,
    &Facts::linger_broken,
};
static_assert(sizeof(Facts) == kFactBits.size(), "a new fact gets a bit at the end");

inline constexpr std::array kCloserBits{
    &Closer::closed,    &Closer::shutdown, &Closer::exiting, &Closer::exec,
    &Closer::io_worker, &Closer::io_uring, &Closer::kthread, &Closer::close_call,
};
static_assert(offsetof(Closer, exit_code) == kCloserBits.size(),
              "a new flag gets a bit at the end");

template <typename Flags, std::size_t Count>
constexpr std::uint64_t bits_in(const Flags& flags, const std::array<bool Flags::*, Count>& list) {
  std::uint64_t bits = 0;
  for (std::size_t bit = 0; bit < Count; ++bit) {
    bits |= std::uint64_t{flags.*list[bit]} << bit;
  }
  return bits;
}

template <typename Flags, std::size_t Count>
constexpr Flags flags_in(std::uint64_t bits, const std::array<bool Flags::*, Count>& list) {
  Flags flags{};
  for (std::size_t bit = 0; bit < Count; ++bit) {
    flags.*list[bit] = (bits >> bit & 1) != 0;
  }
  return flags;
}

constexpr std::uint64_t bits_of(const Facts& facts) { return bits_in(facts, kFactBits); }
constexpr std::uint64_t bits_of(const Closer& closer) { return bits_in(closer, kCloserBits); }
constexpr Facts facts_of(std::uint64_t bits) { return flags_in(bits, kFactBits); }
constexpr Closer closer_of(std::uint64_t bits) { return flags_in(bits, kCloserBits); }

}  // namespace closewatch::history
