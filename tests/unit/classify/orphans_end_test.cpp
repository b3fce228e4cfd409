// SPDX-License-Identifier: Apache-2.0
// The connection ends in the background, after close() returned (B9, C1 to C10, timewait).
#include "tests/unit/classify/situation.h"

namespace closewatch::situations {

std::vector<Situation> orphans_end() {
  return {
      {"C1: closed before observation began",
       Scene(TcpState::fin_wait2)
           .with(&Facts::dead, &Facts::before_start, &Facts::peer_fin)
           .set([](Closure& c) { c.shutdown_flags = 3; }),
       {.cls = Class::graceful, .reason = Reason::local_first, .initiator = Initiator::local},
       sees_timewait},
      {"C1 S26: both closed at once; the FIN is acknowledged in CLOSING",
       Scene(TcpState::closing).orphan(700 * kMs),
       {.cls = Class::graceful,
        .reason = Reason::simultaneous,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 700'000}},
      {"C2 S14: the FIN is acknowledged, the peer's never comes; timewait takes over",
       Scene(TcpState::fin_wait2).orphan(40 * kMs).with(&Facts::awaits_rst),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 40'000},
       [](Closure& c) {
         sees_timewait(c);
         c.facts.peer_never_closed = true;
       }},
      {"C2 S13b: data reaches the timewait socket and is answered with a RST",
       Scene(TcpState::fin_wait2)
           .orphan(40 * kMs)
           .with(&Facts::awaits_rst, &Facts::rst_answer, &Facts::late_data_reset),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 40'000},
       sees_timewait},
      {"C3 S70: tcp_fin_timeout over 60 s, the timer hands over to timewait",
       Scene(TcpState::fin_wait2).orphan(5 * kSecond).with(&Facts::awaits_rst),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 5'000'000},
       sees_timewait},
      {"C4 S71: the FIN_WAIT2 timer resets",
       Scene(TcpState::fin_wait2).orphan(5 * kSecond).with(&Facts::rst_before),
       {.cls = Class::abortive,
        .reason = Reason::fin_wait2_timeout,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 5'000'000}},
      {"C5 S15b: TCP_LINGER2 = -1, the FIN is acknowledged after close()",
       Scene(TcpState::fin_wait2)
           .orphan(30 * kMs)
           .with(&Facts::awaits_rst, &Facts::rst_answer)
           .set([](Closure& c) { c.linger2 = -1; }),
       {.cls = Class::abortive,
        .reason = Reason::linger2,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 30'000}},
      {"C5: the same with the RST not seen",
       Scene(TcpState::fin_wait2).orphan(30 * kMs).with(&Facts::awaits_rst).set([](Closure& c) {
         c.linger2 = -1;
       }),
       {.cls = Class::abortive,
        .reason = Reason::linger2,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 30'000}},
      {"C6 S13: 77 bytes after close(), 5000 not acknowledged",
       Scene(TcpState::fin_wait1)
           .orphan(30 * kMs)
           .bytes(4000, 1000, 0)
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst, &Facts::rst_answer),
       {.cls = Class::abortive,
        .reason = Reason::data_after_close,
        .rule = "data_after_close.answered",
        .full_rule = "data_after_close",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 30'000},
       sees_data},
      {"C6 S13 on 5.10 with full hooks: tcp_reset() has no segment",
       Scene(TcpState::fin_wait1)
           .orphan(30 * kMs)
           .bytes(4000, 1000, 0)
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst, &Facts::rst_answer),
       {.cls = Class::abortive,
        .reason = Reason::data_after_close,
        .rule = "data_after_close.answered",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 30'000}},
      {"C6 S13c: 77 bytes in FIN_WAIT2 with tcp_fin_timeout over 60 s",
       Scene(TcpState::fin_wait2)
           .orphan(30 * kMs)
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst, &Facts::rst_answer),
       {.cls = Class::abortive,
        .reason = Reason::data_after_close,
        .rule = "data_after_close.answered",
        .full_rule = "data_after_close",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 30'000},
       sees_data},
      {"C6 S63: data or an out-of-order FIN with the acknowledgement of our FIN",
       Scene(TcpState::fin_wait2).orphan(30 * kMs).with(&Facts::awaits_rst, &Facts::rst_answer),
       {.cls = Class::abortive,
        .reason = Reason::data_after_close,
        .rule = "data_after_close.with_fin_ack",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 30'000}},
      {"C7 S03: retransmission of an orphan gives up",
       Scene(TcpState::fin_wait1)
           .orphan(1400 * kMs)
           .bytes(4000, 1000, 0)
           .error(ETIMEDOUT)
           .retries(2),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1'400'000}},
      {"C7 S27b: the same in LAST_ACK",
       Scene(TcpState::last_ack)
           .orphan(1400 * kMs)
           .bytes(4000, 1000, 0)
           .error(ETIMEDOUT)
           .retries(2),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1'400'000}},
      {"C7 S46: all data acknowledged, the FIN never",
       Scene(TcpState::fin_wait1).orphan(1400 * kMs).error(ETIMEDOUT).retries(2),
       {.cls = Class::timed_out,
        .reason = Reason::fin_unacked,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1'400'000}},
      {"C7 S67: the FIN unacknowledged, after ICMP network unreachable",
       Scene(TcpState::last_ack).orphan(1400 * kMs).error(ENETUNREACH, ENETUNREACH).retries(2),
       {.cls = Class::timed_out,
        .reason = Reason::fin_unacked,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1'400'000}},
      {"C7: TCP_USER_TIMEOUT replaces tcp_orphan_retries",
       Scene(TcpState::fin_wait1)
           .orphan(800 * kMs)
           .bytes(0, 1000, 0)
           .error(ETIMEDOUT)
           .retries(2)
           .set([](Closure& c) { c.user_timeout_ms = 700; }),
       {.cls = Class::timed_out,
        .reason = Reason::user_timeout,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 800'000}},
      {"C8 S19: window 0, 4000 bytes unsent",
       Scene(TcpState::fin_wait1)
           .orphan(1400 * kMs)
           .bytes(4000, 0, 0)
           .error(ETIMEDOUT)
           .retries(0, 2)
           .set([](Closure& c) { c.send_window = 0; }),
       {.cls = Class::timed_out,
        .reason = Reason::zero_window,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1'400'000}},
      {"C9 S47: out of resources at a retransmission",
       Scene(TcpState::fin_wait1)
           .orphan(300 * kMs)
           .bytes(4000, 1000, 0)
           .retries(1)
           .with(&Facts::rst_before),
       {.cls = Class::abortive,
        .reason = Reason::orphan_limit,
        .rule = "orphan_limit.timer",
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 300'000}},
      {"C10 S04: 400 of 5000 acknowledged, then a RST",
       Scene(TcpState::fin_wait1)
           .orphan(60 * kMs)
           .bytes(4000, 600, 0)
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 60'000},
       sees_rst},
      {"C10 S26b: simultaneous close, bytes unsent, then a RST",
       Scene(TcpState::closing)
           .orphan(60 * kMs)
           .bytes(4000, 1000, 0)
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 60'000},
       sees_rst},
      {"B9 S23b from 6.1: SOCK_DESTROY of an orphan",
       Scene(TcpState::fin_wait1)
           .orphan(2 * kSecond)
           .bytes(4000, 1000, 0)
           .error(ECONNABORTED)
           .actor(99)
           .with(&Facts::owned, &Facts::rst_before, &Facts::aborted_by_other),
       {.cls = Class::abortive,
        .reason = Reason::destroyed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 2'000'000}},
      {"B9: SOCK_DESTROY of an orphan that reports no error",
       Scene(TcpState::fin_wait2)
           .orphan(2 * kSecond)
           .actor(99)
           .with(&Facts::owned, &Facts::rst_before, &Facts::aborted_by_other),
       {.cls = Class::abortive,
        .reason = Reason::destroyed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 2'000'000}},
      {"B9 S23b on 5.10: SOCK_DESTROY of an orphan leaves it stuck",
       Scene(TcpState::fin_wait1)
           .orphan(2 * kSecond)
           .bytes(4000, 1000, 0)
           .actor(99)
           .with(&Facts::stuck_orphan, &Facts::aborted_by_other),
       {.cls = Class::abortive,
        .reason = Reason::destroyed,
        .rule = "destroyed.stuck_orphan",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 2'000'000}},
  };
}

}  // namespace closewatch::situations
