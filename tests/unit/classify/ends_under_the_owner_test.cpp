// SPDX-License-Identifier: Apache-2.0
// The connection ends while a process still holds the socket (B1 to B17).
#include "tests/unit/classify/situation.h"

namespace closewatch::situations {

std::vector<Situation> ends_under_the_owner() {
  return {
      {"B1 S20: a RST in ESTABLISHED, 400 of 5000 acknowledged",
       Scene(TcpState::established)
           .held()
           .bytes(4000, 600, 0)
           .error(ECONNRESET)
           .with(&Facts::reset_called),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .lost = true},
       sees_rst},
      {"B1 S21: a RST in CLOSE_WAIT gives EPIPE",
       Scene(TcpState::close_wait).held().bytes(0, 10, 0).error(EPIPE).with(&Facts::reset_called),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .lost = true},
       sees_rst},
      {"B1: a RST after shutdown(SHUT_RDWR), descriptor open",
       Scene(TcpState::fin_wait2)
           .shut_down(3)
           .held()
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::shutdown},
       sees_rst},
      {"C6: data after shutdown(SHUT_RDWR), descriptor open",
       Scene(TcpState::fin_wait2)
           .shut_down(3)
           .held()
           .error(ECONNRESET)
           .with(&Facts::reset_called, &Facts::awaits_rst, &Facts::rst_answer),
       {.cls = Class::abortive,
        .reason = Reason::data_after_close,
        .rule = "data_after_close.answered",
        .full_rule = "data_after_close",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::shutdown},
       sees_data},
      {"B2 S18: tcp_retries2 exhausted in ESTABLISHED",
       Scene(TcpState::established)
           .held()
           .bytes(4000, 1000, 0)
           .error(ETIMEDOUT)
           .retries(2)
           .with(&Facts::keepalive),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .lost = true}},
      {"B2 S18b: the same after ICMP host unreachable",
       Scene(TcpState::established)
           .held()
           .bytes(4000, 1000, 0)
           .error(EHOSTUNREACH, EHOSTUNREACH)
           .retries(2),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .lost = true}},
      {"B2 S51: shutdown(SHUT_WR), then retransmission gives up in FIN_WAIT1",
       Scene(TcpState::fin_wait1)
           .shut_down()
           .held()
           .bytes(4000, 1000, 0)
           .error(ETIMEDOUT)
           .retries(2),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::shutdown,
        .lost = true}},
      {"B3 S17: TCP_USER_TIMEOUT 700 ms",
       Scene(TcpState::established)
           .held()
           .bytes(4000, 1000, 0)
           .error(ETIMEDOUT)
           .retries(2)
           .set([](Closure& c) { c.user_timeout_ms = 700; }),
       {.cls = Class::timed_out,
        .reason = Reason::user_timeout,
        .initiator = Initiator::kernel,
        .lost = true}},
      {"B3 S19b: TCP_USER_TIMEOUT on a closed window",
       Scene(TcpState::established)
           .held()
           .bytes(4000, 0, 0)
           .error(ETIMEDOUT)
           .retries(0, 2)
           .set([](Closure& c) {
             c.user_timeout_ms = 700;
             c.send_window = 0;
           }),
       {.cls = Class::timed_out,
        .reason = Reason::user_timeout,
        .initiator = Initiator::kernel,
        .lost = true}},
      {"B3: TCP_USER_TIMEOUT cuts keepalive short, with a RST",
       Scene(TcpState::established)
           .held()
           .error(ETIMEDOUT)
           .retries(0, 1)
           .with(&Facts::keepalive, &Facts::rst_before)
           .set([](Closure& c) { c.user_timeout_ms = 700; }),
       {.cls = Class::timed_out, .reason = Reason::user_timeout, .initiator = Initiator::kernel}},
      {"B4: the window is open, but there is no route: nothing could be sent",
       Scene(TcpState::established).held().bytes(500, 0, 0).error(ETIMEDOUT).retries(0, 3),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .rule = "retransmission.not_sent",
        .initiator = Initiator::kernel,
        .lost = true}},
      {"B4: window probes of a live connection unanswered",
       Scene(TcpState::established)
           .held()
           .bytes(4000, 0, 0)
           .error(ETIMEDOUT)
           .retries(0, 15)
           .set([](Closure& c) { c.send_window = 0; }),
       {.cls = Class::timed_out,
        .reason = Reason::zero_window,
        .initiator = Initiator::kernel,
        .lost = true}},
      {"B5 S16: keepalive probes unanswered",
       Scene(TcpState::established)
           .held()
           .error(ETIMEDOUT)
           .retries(0, 2)
           .with(&Facts::keepalive, &Facts::rst_before),
       {.cls = Class::timed_out, .reason = Reason::keepalive, .initiator = Initiator::kernel}},
      {"B5: keepalive after ICMP host unreachable",
       Scene(TcpState::established)
           .held()
           .error(EHOSTUNREACH, EHOSTUNREACH)
           .retries(0, 2)
           .with(&Facts::keepalive, &Facts::rst_before),
       {.cls = Class::timed_out, .reason = Reason::keepalive, .initiator = Initiator::kernel}},
      {"B5: keepalive in FIN_WAIT2, and no memory for the RST",
       Scene(TcpState::fin_wait2)
           .shut_down()
           .held()
           .error(ETIMEDOUT)
           .retries(0, 9)
           .with(&Facts::keepalive),
       {.cls = Class::timed_out,
        .reason = Reason::keepalive,
        .rule = "keepalive.silent",
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::shutdown}},
      {"B6: an ICMP error that IP_RECVERR left behind does not end a connection",
       Scene(TcpState::last_ack).shut_down().held().error(EHOSTUNREACH, EHOSTUNREACH),
       {.cls = Class::graceful,
        .reason = Reason::peer_first,
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::shutdown}},
      {"B8 S23: SOCK_DESTROY in ESTABLISHED",
       Scene(TcpState::established)
           .held()
           .bytes(4000, 1000, 0)
           .error(ECONNABORTED)
           .actor(99)
           .with(&Facts::owned, &Facts::rst_before, &Facts::aborted_by_other),
       {.cls = Class::abortive,
        .reason = Reason::destroyed,
        .initiator = Initiator::local,
        .lost = true}},
      {"B8: SOCK_DESTROY in LAST_ACK sends no RST",
       Scene(TcpState::last_ack)
           .shut_down()
           .held()
           .error(ECONNABORTED)
           .actor(99)
           .with(&Facts::owned, &Facts::aborted_by_other),
       {.cls = Class::abortive,
        .reason = Reason::destroyed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::shutdown}},
      {"B15: TCP Fast Open child, closed before the last ACK of the handshake, times out",
       Scene(TcpState::fin_wait1)
           .orphan(kSecond)
           .bytes(0, 100, 0)
           .error(ETIMEDOUT)
           .retries(5)
           .set([](Closure& c) { c.state_at_close = TcpState::syn_recv; }),
       {.cls = Class::timed_out,
        .reason = Reason::retransmission,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1'000'000}},
  };
}

}  // namespace closewatch::situations
