// SPDX-License-Identifier: Apache-2.0
// The owner closes with a positive linger time (A8, A9, A14 to A16).
#include "tests/unit/classify/situation.h"

namespace closewatch::situations {

std::vector<Situation> owner_lingers() {
  return {
      {"A8 S07: all acknowledged after 0.4 s of 5 s, no FIN from the peer",
       Scene(TcpState::fin_wait2)
           .late_in_close()
           .linger(5)
           .wait_ended(400 * kMs)
           .with(&Facts::linger_acked, &Facts::awaits_rst)
           .set([](Closure& c) { c.end_ns = kClosedAt + 400 * kMs; }),
       {.cls = Class::lingered,
        .reason = Reason::linger_completed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::completed,
        .blocked_us = 400'000,
        .full_blocked_us = 400'050},
       [](Closure& c) {
         sees_timewait(c);
         c.blocked_ns = 400 * kMs + 50'000;
       }},
      {"A8: the peer's FIN comes later, in the background",
       Scene(TcpState::fin_wait2)
           .orphan(90 * kSecond)
           .linger(5)
           .wait_ended(400 * kMs)
           .with(&Facts::linger_acked, &Facts::peer_fin),
       {.cls = Class::lingered,
        .reason = Reason::linger_completed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::completed,
        .blocked_us = 400'000,
        .full_blocked_us = 400'050,
        .drain_us = 90'000'000},
       [](Closure& c) {
         sees_timewait(c);
         c.blocked_ns = 400 * kMs + 50'000;
       }},
      {"A8: close() lingers in LAST_ACK, and the acknowledgement is the end",
       Scene(TcpState::last_ack)
           .lingering(20 * kMs)
           .linger(5)
           .wait_ended(20 * kMs)
           .with(&Facts::linger_acked),
       {.cls = Class::lingered,
        .reason = Reason::linger_completed,
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::completed,
        .blocked_us = 20'000,
        .full_blocked_us = 20'000},
       [](Closure& c) { c.blocked_ns = 20 * kMs; }},
      {"A8 C6: the wait completed, then the peer sent data to the orphan",
       Scene(TcpState::fin_wait2)
           .orphan(2 * kSecond)
           .linger(5)
           .wait_ended(400 * kMs)
           .error(ECONNRESET)
           .with(&Facts::linger_acked, &Facts::reset_called, &Facts::awaits_rst,
                 &Facts::rst_answer),
       {.cls = Class::abortive,
        .reason = Reason::data_after_close,
        .rule = "data_after_close.answered",
        .full_rule = "data_after_close",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::completed,
        .blocked_us = 400'000,
        .full_blocked_us = 400'050,
        .drain_us = 2'000'000},
       [](Closure& c) {
         sees_data(c);
         c.blocked_ns = 400 * kMs + 50'000;
       }},
      {"A9 S06: linger {1,1} expires, the peer acknowledges all at 1.5 s",
       Scene(TcpState::fin_wait2)
           .orphan(1600 * kMs)
           .linger(1)
           .wait_ended(1500 * kMs)
           .with(&Facts::linger_left, &Facts::peer_fin),
       {.cls = Class::timed_out,
        .reason = Reason::linger_expired,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::expired,
        .blocked_us = 1'000'000,
        .full_blocked_us = 1'004'100,
        .drain_us = 1'600'000},
       [](Closure& c) {
         sees_timewait(c);
         c.linger_ns = 1004 * kMs;
         c.blocked_ns = 1004 * kMs + 100'000;
       }},
      {"A9: linger expires in LAST_ACK, acknowledged later",
       Scene(TcpState::last_ack)
           .orphan(1500 * kMs)
           .linger(1)
           .wait_ended(1500 * kMs)
           .with(&Facts::linger_left),
       {.cls = Class::timed_out,
        .reason = Reason::linger_expired,
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::expired,
        .blocked_us = 1'000'000,
        .full_blocked_us = 1'000'000,
        .drain_us = 1'500'000},
       [](Closure& c) { c.linger_ns = c.blocked_ns = 1000 * kMs; }},
      {"A9 S06b: linger {1,1} expires, then the orphan times out",
       Scene(TcpState::fin_wait1)
           .orphan(3 * kSecond)
           .linger(1)
           .wait_ended(3 * kSecond)
           .bytes(4000, 1000, 0)
           .error(ETIMEDOUT)
           .retries(4)
           .with(&Facts::linger_left),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::expired,
        .lost = true,
        .blocked_us = 1'000'000,
        .full_blocked_us = 1'000'000,
        .drain_us = 3'000'000},
       [](Closure& c) { c.linger_ns = c.blocked_ns = 1000 * kMs; }},
      {"A9 C10: linger expires, then the peer resets the orphan",
       Scene(TcpState::fin_wait1)
           .orphan(3 * kSecond)
           .linger(1)
           .wait_ended(3 * kSecond)
           .bytes(4000, 1000, 0)
           .error(ECONNRESET)
           .with(&Facts::linger_left, &Facts::reset_called, &Facts::awaits_rst),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::expired,
        .lost = true,
        .blocked_us = 1'000'000,
        .full_blocked_us = 1'000'000,
        .drain_us = 3'000'000},
       [](Closure& c) {
         sees_rst(c);
         c.linger_ns = c.blocked_ns = 1000 * kMs;
       }},
      {"A9b S08: a signal cuts the wait of 5 s short at 0.3 s, all delivered by 0.5 s",
       Scene(TcpState::fin_wait2)
           .orphan(500 * kMs)
           .linger(5)
           .signalled(300 * kMs)
           .with(&Facts::peer_fin),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::interrupted,
        .blocked_us = 300'000,
        .full_blocked_us = 300'000,
        .drain_us = 500'000},
       sees_timewait},
      {"A9b S10b: SIGKILL while close() lingers: the closer was not exiting yet",
       Scene(TcpState::fin_wait1)
           .orphan(3 * kSecond)
           .linger(5)
           .signalled(700 * kMs)
           .bytes(4000, 1000, 0)
           .error(ETIMEDOUT)
           .retries(4),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::interrupted,
        .lost = true,
        .blocked_us = 700'000,
        .full_blocked_us = 700'000,
        .drain_us = 3'000'000}},
      {"A9c S48: the peer resets while close() lingers",
       Scene(TcpState::fin_wait1)
           .lingering(250 * kMs)
           .linger(5)
           .wait_ended(250 * kMs)
           .bytes(4000, 1000, 0)
           .error(ECONNRESET)
           .with(&Facts::linger_left, &Facts::reset_called, &Facts::awaits_rst),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::interrupted,
        .lost = true,
        .blocked_us = 250'000,
        .full_blocked_us = 250'000},
       [](Closure& c) {
         sees_rst(c);
         c.blocked_ns = 250 * kMs;
       }},
      {"A9c S49: the peer sends data while close() lingers",
       Scene(TcpState::fin_wait1)
           .lingering(250 * kMs)
           .linger(5)
           .wait_ended(250 * kMs)
           .bytes(4000, 1000, 0)
           .error(ECONNRESET)
           .with(&Facts::linger_left, &Facts::reset_called, &Facts::awaits_rst, &Facts::rst_answer),
       {.cls = Class::abortive,
        .reason = Reason::data_after_close,
        .rule = "data_after_close.answered",
        .full_rule = "data_after_close",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::interrupted,
        .lost = true,
        .blocked_us = 250'000,
        .full_blocked_us = 250'000},
       [](Closure& c) {
         sees_data(c);
         c.blocked_ns = 250 * kMs;
       }},
      {"A9c B2: retransmission gives up while close() lingers",
       Scene(TcpState::fin_wait1)
           .lingering(4 * kSecond)
           .linger(60)
           .wait_ended(4 * kSecond)
           .bytes(0, 1000, 0)
           .error(ETIMEDOUT)
           .retries(2)
           .with(&Facts::linger_left),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::interrupted,
        .lost = true,
        .blocked_us = 4'000'000,
        .full_blocked_us = 4'000'000},
       [](Closure& c) { c.blocked_ns = 4 * kSecond; }},
      {"A10: a positive linger time, but all was acknowledged before close()",
       Scene(TcpState::fin_wait2).shut_down().late_in_close().linger(5).with(&Facts::awaits_rst),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::skipped,
        .full_blocked_us = kFullBlockedUs},
       sees_timewait},
      {"A14 S09: _exit() with linger {1,5} does not wait; a RST comes from the peer",
       Scene(TcpState::fin_wait1)
           .orphan(200 * kMs)
           .linger(5)
           .exiting(0)
           .bytes(4000, 1000, 0)
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::exit,
        .linger = LingerOutcome::skipped,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 200'000},
       sees_rst},
      {"A14 S10: SIGKILL with linger {1,5} does not wait",
       Scene(TcpState::fin_wait2).orphan(200 * kMs).linger(5).exiting(9).with(&Facts::peer_fin),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::signal,
        .signal = 9,
        .linger = LingerOutcome::skipped,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 200'000},
       sees_timewait},
      {"A15 S59: execve() closes the descriptor and lingers 2 s in vain",
       Scene(TcpState::fin_wait2)
           .orphan(2500 * kMs)
           .linger(2)
           .wait_ended(2400 * kMs)
           .with(&Facts::linger_left, &Facts::peer_fin)
           .set([](Closure& c) { c.closer.exec = true; }),
       {.cls = Class::timed_out,
        .reason = Reason::linger_expired,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::exec,
        .linger = LingerOutcome::expired,
        .blocked_us = 2'000'000,
        .full_blocked_us = 1'996'000,
        .drain_us = 2'500'000},
       [](Closure& c) {
         sees_timewait(c);
         c.linger_ns = c.blocked_ns = 1996 * kMs;
       }},
      {"A16 S11: io_uring closes inline, io_uring_enter() lingers",
       Scene(TcpState::fin_wait2)
           .orphan(900 * kMs)
           .linger(5)
           .wait_ended(800 * kMs)
           .with(&Facts::linger_acked, &Facts::peer_fin)
           .set([](Closure& c) { c.closer.io_uring = true; }),
       {.cls = Class::lingered,
        .reason = Reason::linger_completed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::io_uring,
        .linger = LingerOutcome::completed,
        .blocked_us = 800'000,
        .full_blocked_us = 800'000,
        .drain_us = 900'000},
       [](Closure& c) {
         sees_timewait(c);
         c.blocked_ns = 800 * kMs;
       }},
      {"A16 S11b: an io_uring worker lingers",
       Scene(TcpState::fin_wait2)
           .orphan(900 * kMs)
           .linger(5)
           .wait_ended(800 * kMs)
           .with(&Facts::linger_acked, &Facts::peer_fin)
           .set([](Closure& c) { c.closer.io_worker = true; }),
       {.cls = Class::lingered,
        .reason = Reason::linger_completed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::io_uring,
        .linger = LingerOutcome::completed,
        .blocked_us = 800'000,
        .full_blocked_us = 800'000,
        .drain_us = 900'000},
       [](Closure& c) {
         sees_timewait(c);
         c.blocked_ns = 800 * kMs;
       }},
      {"A16 S45: a kworker releases the file of a dead ring and lingers",
       Scene(TcpState::fin_wait2)
           .orphan(900 * kMs)
           .linger(5)
           .wait_ended(800 * kMs)
           .with(&Facts::linger_acked, &Facts::peer_fin)
           .set([](Closure& c) { c.closer.kthread = true; }),
       {.cls = Class::lingered,
        .reason = Reason::linger_completed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::kernel,
        .linger = LingerOutcome::completed,
        .blocked_us = 800'000,
        .full_blocked_us = 800'000,
        .drain_us = 900'000},
       [](Closure& c) {
         sees_timewait(c);
         c.blocked_ns = 800 * kMs;
       }},
      {"B1: a RST arrives before any close() of a socket with linger {1,5}",
       Scene(TcpState::established).held().linger(5).error(ECONNRESET).with(&Facts::reset_called),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .linger = LingerOutcome::skipped},
       sees_rst},
  };
}

}  // namespace closewatch::situations
