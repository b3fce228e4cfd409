// SPDX-License-Identifier: Apache-2.0
#include "userspace/classify/rules.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace closewatch {
namespace {

constexpr std::uint8_t kBothShut = 3;  // sk_shutdown: close() sets it before anything else

bool handshake(const Closure& c) {
  return c.final_state == TcpState::syn_sent || c.final_state == TcpState::syn_recv;
}

// States in which our FIN is queued and not yet acknowledged.
bool fin_pending(const Closure& c) {
  return c.final_state == TcpState::fin_wait1 || c.final_state == TcpState::closing ||
         c.final_state == TcpState::last_ack;
}

// States of a connection of which our FIN is part. An orphan has no other.
bool fin_sent(const Closure& c) { return fin_pending(c) || c.final_state == TcpState::fin_wait2; }

bool sent_active_rst(const Closure& c) { return c.facts.rst_before || c.facts.rst_after; }

// A timer gave up (tcp_write_err): the error is ETIMEDOUT, or what ICMP had said before. The latter
// may also be left over from IP_RECVERR, so a timer must have been at work.
bool timed_out(const Closure& c) {
  if (c.sock_error == ETIMEDOUT) {
    return true;
  }
  return c.sock_error != 0 && c.sock_error == c.sock_soft_error && !c.facts.rst_after &&
         (c.retransmits != 0 || c.probes_out != 0);
}

// __tcp_close() itself ends the connection, before it makes an orphan of the socket. Of what does
// so there, only TCP_REPAIR, unread data and a linger time of 0 remain after the handshake.
bool aborted_in_close(const Closure& c) {
  return c.facts.in_close && c.facts.owned && !c.facts.dead && !c.facts.linger_wait;
}

// MPTCP resets the subflow, and then lets it end, in close() of the MPTCP socket.
bool fast_closed(const Closure& c) {
  return c.facts.mptcp && c.facts.rst_before && aborted_in_close(c);
}

// The orderly end of tcp_rcv_state_process() and tcp_time_wait(): all data and our FIN
// acknowledged. A RST answer that came from the timewait socket does not undo it.
bool delivered(const Closure& c) {
  return c.discarded() == 0 && !sent_active_rst(c) &&
         (!c.facts.rst_answer || c.facts.late_data_reset) && fin_sent(c) &&
         c.final_state != TcpState::fin_wait1;
}

// inet_child_forget(): the child is neither accepted nor an orphan. MPTCP takes the socket off
// subflows too, and resets those with a linger time of 0.
bool reset_in_accept_queue(const Closure& c) {
  return c.facts.never_accepted && !(c.facts.mptcp && lingers_zero(c)) &&
         (c.facts.rst_after || c.final_state == TcpState::established ||
          c.final_state == TcpState::close_wait);
}

using Linger = LingerOutcome;

// clang-format off
constexpr std::array kRules{
    // Before the handshake was complete there was no connection, whatever ended it.
    Rule{"refused", Reason::refused,
         [](const Closure& c, Linger) { return handshake(c) && c.facts.reset_called; },
         {Fact::final_state, Fact::reset_called}},
    Rule{"connect_error.destroyed", Reason::connect_error,
         [](const Closure& c, Linger) { return handshake(c) && destroyed_by_other(c); },
         {Fact::final_state, Fact::aborted_by_other, Fact::sock_error}},
    Rule{"connect_timeout", Reason::connect_timeout,
         [](const Closure& c, Linger) { return handshake(c) && timed_out(c); },
         {Fact::final_state, Fact::sock_error, Fact::sock_soft_error, Fact::retransmits}},
    Rule{"closed_in_syn_sent", Reason::closed_in_syn_sent,
         [](const Closure& c, Linger) {
           return handshake(c) && (c.facts.in_close || c.facts.rst_after ||
                                   c.shutdown_flags == kBothShut);
         },
         {Fact::final_state, Fact::in_close, Fact::shutdown_flags, Fact::rst_after}},
    Rule{"connect_error", Reason::connect_error,
         [](const Closure& c, Linger) { return handshake(c); },
         {Fact::final_state, Fact::sock_error}},

    // tcp_reset() ran: a RST, or data that nobody can receive any more.
    Rule{"reset_by_peer", Reason::reset_by_peer,
         [](const Closure& c, Linger) { return c.facts.reset_called && c.facts.rst_in; },
         {Fact::reset_called, Fact::rst_in, Fact::final_state}},
    Rule{"data_after_close", Reason::data_after_close,
         [](const Closure& c, Linger) { return c.facts.reset_called && c.facts.no_rst_in; },
         {Fact::reset_called, Fact::no_rst_in, Fact::shutdown_flags, Fact::final_state}},
    Rule{"data_after_close.answered", Reason::data_after_close,
         [](const Closure& c, Linger) { return c.facts.reset_called && c.facts.rst_answer; },
         {Fact::reset_called, Fact::rst_answer, Fact::shutdown_flags, Fact::final_state}},
    Rule{"reset_by_peer.unanswered", Reason::reset_by_peer,
         [](const Closure& c, Linger) { return c.facts.reset_called; },
         {Fact::reset_called, Fact::rst_answer, Fact::shutdown_flags, Fact::final_state}},

    // SOCK_DESTROY.
    Rule{"destroyed.stuck_orphan", Reason::destroyed,
         [](const Closure& c, Linger) { return c.facts.stuck_orphan; },
         {Fact::stuck_orphan, Fact::final_state, Fact::dead}},
    Rule{"destroyed", Reason::destroyed,
         [](const Closure& c, Linger) { return destroyed_by_other(c); },
         {Fact::aborted_by_other, Fact::sock_error, Fact::final_state}},

    // A timer gave up.
    Rule{"user_timeout", Reason::user_timeout,
         [](const Closure& c, Linger) { return timed_out(c) && c.user_timeout_ms != 0; },
         {Fact::sock_error, Fact::sock_soft_error, Fact::user_timeout_ms, Fact::final_state}},
    Rule{"keepalive", Reason::keepalive,
         [](const Closure& c, Linger) { return timed_out(c) && c.facts.rst_before; },
         {Fact::sock_error, Fact::sock_soft_error, Fact::rst_before, Fact::probes_out}},
    Rule{"retransmission", Reason::retransmission,
         [](const Closure& c, Linger) { return timed_out(c) && c.unacked > 0; },
         {Fact::sock_error, Fact::sock_soft_error, Fact::unacked, Fact::retransmits,
          Fact::final_state}},
    // With room in the window only a failure to send keeps bytes waiting (tcp_write_wakeup()).
    Rule{"retransmission.not_sent", Reason::retransmission,
         [](const Closure& c, Linger) {
           return timed_out(c) && c.never_sent > 0 && c.send_window > 0;
         },
         {Fact::sock_error, Fact::sock_soft_error, Fact::unacked, Fact::never_sent,
          Fact::send_window, Fact::probes_out}},
    Rule{"zero_window", Reason::zero_window,
         [](const Closure& c, Linger) { return timed_out(c) && c.never_sent > 0; },
         {Fact::sock_error, Fact::sock_soft_error, Fact::unacked, Fact::never_sent,
          Fact::send_window, Fact::probes_out}},
    Rule{"fin_unacked", Reason::fin_unacked,
         [](const Closure& c, Linger) { return timed_out(c) && fin_pending(c); },
         {Fact::sock_error, Fact::sock_soft_error, Fact::unacked, Fact::never_sent,
          Fact::fin_queued, Fact::final_state}},
    Rule{"keepalive.silent", Reason::keepalive,
         [](const Closure& c, Linger) { return timed_out(c) && c.facts.keepalive; },
         {Fact::sock_error, Fact::sock_soft_error, Fact::keepalive, Fact::unacked,
          Fact::never_sent, Fact::fin_queued}},

    // A RST of our own accord.
    Rule{"listener_closed", Reason::listener_closed,
         [](const Closure& c, Linger) { return reset_in_accept_queue(c); },
         {Fact::never_accepted, Fact::rst_after, Fact::final_state}},
    Rule{"fin_wait2_timeout", Reason::fin_wait2_timeout,
         [](const Closure& c, Linger) {
           return c.facts.rst_before && c.facts.dead && c.final_state == TcpState::fin_wait2;
         },
         {Fact::rst_before, Fact::dead, Fact::final_state, Fact::sock_error}},
    Rule{"orphan_limit.timer", Reason::orphan_limit,
         [](const Closure& c, Linger) { return c.facts.rst_before && c.facts.dead; },
         {Fact::rst_before, Fact::dead, Fact::final_state, Fact::sock_error}},
    Rule{"linger2", Reason::linger2,
         [](const Closure& c, Linger) {
           return c.linger2 < 0 && c.facts.dead && !c.facts.peer_fin &&
                  c.final_state == TcpState::fin_wait2;
         },
         {Fact::linger2, Fact::dead, Fact::peer_fin, Fact::final_state, Fact::rst_after,
          Fact::rst_answer}},
    Rule{"data_after_close.with_fin_ack", Reason::data_after_close,
         [](const Closure& c, Linger) { return c.facts.rst_answer && !c.facts.late_data_reset; },
         {Fact::rst_answer, Fact::reset_called, Fact::dead, Fact::final_state}},
    Rule{"orphan_limit", Reason::orphan_limit,
         [](const Closure& c, Linger) {
           return c.facts.rst_after && c.facts.dead && fin_sent(c);
         },
         {Fact::rst_after, Fact::dead, Fact::final_state}},
    Rule{"repair", Reason::repair,
         [](const Closure& c, Linger) {
           return c.facts.repair && !sent_active_rst(c) &&
                  (aborted_in_close(c) || c.facts.disconnect);
         },
         {Fact::repair, Fact::in_close, Fact::disconnect, Fact::rst_after, Fact::final_state}},
    Rule{"disconnected", Reason::disconnected,
         [](const Closure& c, Linger) {
           return c.facts.disconnect ||
                  (c.facts.rst_after && !c.facts.dead && c.shutdown_flags != kBothShut);
         },
         {Fact::disconnect, Fact::rst_after, Fact::dead, Fact::shutdown_flags,
          Fact::final_state}},
    // mptcp_do_fastclose(): close() of an MPTCP socket, for one of two causes.
    Rule{"linger_zero.subflow", Reason::linger_zero,
         [](const Closure& c, Linger) { return fast_closed(c) && lingers_zero(c); },
         {Fact::mptcp, Fact::rst_before, Fact::in_close, Fact::linger, Fact::linger_jiffies,
          Fact::final_state}},
    Rule{"unread_data.subflow", Reason::unread_data,
         [](const Closure& c, Linger) { return fast_closed(c); },
         {Fact::mptcp, Fact::rst_before, Fact::in_close, Fact::linger, Fact::final_state}},
    Rule{"disconnected.subflow", Reason::disconnected,
         [](const Closure& c, Linger) { return c.facts.mptcp && c.facts.rst_before; },
         {Fact::mptcp, Fact::rst_before, Fact::dead, Fact::final_state}},
    Rule{"unread_data", Reason::unread_data,
         [](const Closure& c, Linger) {
           return c.unread > 0 && (c.facts.rst_after || aborted_in_close(c));
         },
         {Fact::unread, Fact::in_close, Fact::rst_after, Fact::final_state}},
    Rule{"linger_zero", Reason::linger_zero,
         [](const Closure& c, Linger) {
           return lingers_zero(c) && (c.facts.rst_after || aborted_in_close(c));
         },
         {Fact::linger, Fact::linger_jiffies, Fact::in_close, Fact::rst_after, Fact::final_state}},
    Rule{"unread_data.buffer", Reason::unread_data,
         [](const Closure& c, Linger) { return c.facts.rst_after && aborted_in_close(c); },
         {Fact::in_close, Fact::rst_after, Fact::unread, Fact::linger, Fact::final_state}},

    // No RST: the orderly ends.
    Rule{"linger_completed", Reason::linger_completed,
         [](const Closure& c, Linger linger) {
           return delivered(c) && linger == Linger::completed;
         },
         {Fact::linger_outcome, Fact::linger_jiffies, Fact::unacked, Fact::never_sent,
          Fact::final_state}},
    Rule{"linger_expired", Reason::linger_expired,
         [](const Closure& c, Linger linger) { return delivered(c) && linger == Linger::expired; },
         {Fact::linger_outcome, Fact::linger_jiffies, Fact::unacked, Fact::never_sent,
          Fact::final_state}},
    Rule{"simultaneous", Reason::simultaneous,
         [](const Closure& c, Linger) {
           return delivered(c) && (c.facts.closing || c.final_state == TcpState::closing);
         },
         {Fact::final_state, Fact::closing, Fact::unacked, Fact::never_sent}},
    Rule{"peer_first", Reason::peer_first,
         [](const Closure& c, Linger) {
           return delivered(c) &&
                  (c.facts.peer_fin_first || c.final_state == TcpState::last_ack);
         },
         {Fact::final_state, Fact::peer_fin_first, Fact::unacked, Fact::never_sent}},
    Rule{"local_first", Reason::local_first,
         [](const Closure& c, Linger) { return delivered(c); },
         {Fact::final_state, Fact::peer_fin_first, Fact::peer_fin, Fact::unacked,
          Fact::never_sent}},

    // tcp_out_of_resources() with a dead network namespace: only sockets of the kernel outlive it.
    Rule{"destroyed.namespace", Reason::destroyed,
         [](const Closure& c, Linger) {
           return c.facts.kernel_socket && c.facts.dead && !c.facts.owned && fin_pending(c) &&
                  c.sock_error == 0 && !sent_active_rst(c);
         },
         {Fact::kernel_socket, Fact::dead, Fact::final_state, Fact::sock_error, Fact::rst_before}},

    Rule{"unknown", Reason::unknown, [](const Closure&, Linger) { return true; },
         {Fact::final_state, Fact::sock_error, Fact::shutdown_flags, Fact::dead, Fact::owned,
          Fact::in_close, Fact::unacked}},
};
// clang-format on

// Its condition where the compiler sees through it: most closures are asked all of them.
template <std::size_t Index>
bool applies(const Closure& closure, LingerOutcome linger) {
  constexpr auto kCondition = kRules[Index].applies;
  return kCondition(closure, linger);
}

}  // namespace

std::span<const Rule> rules() { return kRules; }

const Rule& rule_for(const Closure& closure, LingerOutcome linger) {
  std::size_t found = kRules.size() - 1;
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    static_cast<void>(((applies<Index>(closure, linger) && (found = Index, true)) || ...));
  }
  (std::make_index_sequence<kRules.size() - 1>());
  return kRules[found];
}

const Rule* rule_named(std::string_view id) {
  const auto found =
      std::find_if(kRules.begin(), kRules.end(), [id](const Rule& rule) { return rule.id == id; });
  return found == kRules.end() ? nullptr : &*found;
}

bool lingers_zero(const Closure& closure) {
  return closure.facts.linger && closure.linger_jiffies == 0;
}

bool destroyed_by_other(const Closure& closure) {
  return closure.facts.aborted_by_other || closure.sock_error == ECONNABORTED;
}

}  // namespace closewatch
