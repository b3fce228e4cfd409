// SPDX-License-Identifier: Apache-2.0
// Ends in close() that the owner did not choose, closers other than close(2), listeners, and
// sockets of the kernel (A11, A16 to A28).
#include "tests/unit/classify/situation.h"

namespace closewatch::situations {

std::vector<Situation> kernel_closes() {
  return {
      {"A10 S15: TCP_LINGER2 = -1, close() in FIN_WAIT2",
       Scene(TcpState::fin_wait2)
           .shut_down()
           .late_in_close()
           .with(&Facts::rst_after)
           .set([](Closure& c) { c.linger2 = -1; }),
       {.cls = Class::abortive,
        .reason = Reason::linger2,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs}},
      {"A11 S29: too many orphans at close()",
       Scene(TcpState::fin_wait1).late_in_close().bytes(4000, 1000, 0).with(&Facts::rst_after),
       {.cls = Class::abortive,
        .reason = Reason::orphan_limit,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .lost = true,
        .full_blocked_us = kFullBlockedUs}},
      {"A11: too many orphans at close() in FIN_WAIT2",
       Scene(TcpState::fin_wait2).shut_down().late_in_close().with(&Facts::rst_after),
       {.cls = Class::abortive,
        .reason = Reason::orphan_limit,
        .initiator = Initiator::kernel,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs}},
      {"A16 S56: dup2() over the descriptor",
       Scene(TcpState::fin_wait2).orphan(kMs).with(&Facts::peer_fin),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000},
       sees_timewait},
      {"A16: io_uring closes inline with unread data",
       Scene(TcpState::established)
           .in_close()
           .bytes(0, 0, 3)
           .with(&Facts::rst_after)
           .set([](Closure& c) { c.closer.io_uring = true; }),
       {.cls = Class::abortive,
        .reason = Reason::unread_data,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::io_uring,
        .lost = true,
        .full_blocked_us = kFullBlockedUs}},
      {"A21 S24: close() of a listener with a queued child that has 200 bytes",
       Scene(TcpState::established)
           .bytes(0, 0, 200)
           .actor(77)
           .with(&Facts::never_accepted, &Facts::rst_after)
           .set([](Closure& c) { c.closer.closed = true; }),
       {.cls = Class::abortive,
        .reason = Reason::listener_closed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .lost = true}},
      {"A21: SIGKILL ends the owner of the listener; the child saw the peer's FIN",
       Scene(TcpState::close_wait)
           .actor(77)
           .exiting(9)
           .with(&Facts::never_accepted, &Facts::rst_after)
           .set([](Closure& c) { c.closer.closed = true; }),
       {.cls = Class::abortive,
        .reason = Reason::listener_closed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::signal,
        .signal = 9}},
      {"A21 S61: shutdown(SHUT_RD) of the listener; children inherit linger {1,0}",
       Scene(TcpState::established)
           .actor(77)
           .linger(0)
           .with(&Facts::never_accepted, &Facts::rst_after)
           .set([](Closure& c) { c.closer.shutdown = true; }),
       {.cls = Class::abortive,
        .reason = Reason::listener_closed,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::shutdown,
        .linger = LingerOutcome::zero}},
      {"A21: no memory for the RST of a queued child",
       Scene(TcpState::established).actor(77).with(&Facts::never_accepted),
       {.cls = Class::abortive, .reason = Reason::listener_closed, .initiator = Initiator::local}},
      {"A22 S62 on 5.10: tcp_migrate_req does nothing",
       Scene(TcpState::established).actor(77).with(&Facts::never_accepted, &Facts::rst_after),
       {.cls = Class::abortive, .reason = Reason::listener_closed, .initiator = Initiator::local}},
      {"B1: the peer resets a queued child before its listener closes",
       Scene(TcpState::established)
           .error(ECONNRESET)
           .bytes(0, 0, 40)
           .with(&Facts::never_accepted, &Facts::reset_called),
       {.cls = Class::abortive,
        .reason = Reason::reset_by_peer,
        .rule = "reset_by_peer.unanswered",
        .full_rule = "reset_by_peer",
        .initiator = Initiator::peer,
        .lost = true},
       sees_rst},
      {"A24 S35: kTLS close()",
       Scene(TcpState::fin_wait2).orphan(kMs).with(&Facts::peer_fin, &Facts::tls),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000},
       sees_timewait},
      {"A24 S35b: kTLS with linger {1,0}",
       Scene(TcpState::established)
           .in_close()
           .linger(0)
           .bytes(4029, 1000, 0)
           .with(&Facts::rst_after, &Facts::tls),
       {.cls = Class::abortive,
        .reason = Reason::linger_zero,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::zero,
        .lost = true,
        .full_blocked_us = kFullBlockedUs}},
      {"A26: MPTCP subflow, closed in the context of the application",
       Scene(TcpState::fin_wait2)
           .orphan(kMs)
           .with(&Facts::peer_fin, &Facts::mptcp, &Facts::kernel_socket),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000},
       sees_timewait},
      {"A26: MPTCP subflow whose MPTCP socket may have lingered",
       Scene(TcpState::fin_wait2)
           .orphan(kMs)
           .with(&Facts::peer_fin, &Facts::mptcp, &Facts::kernel_socket, &Facts::linger)
           .set([](Closure& c) { c.linger_jiffies = 500; }),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::unknown,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000},
       sees_timewait},
      {"A26: MPTCP subflow, closed by a kworker",
       Scene(TcpState::fin_wait2)
           .orphan(kMs)
           .with(&Facts::peer_fin, &Facts::mptcp, &Facts::kernel_socket)
           .set([](Closure& c) { c.closer.kthread = true; }),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::kernel,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000},
       sees_timewait},
      {"A26: MPTCP fast close of a subflow that was taken off its socket",
       Scene(TcpState::established)
           .linger(0)
           .bytes(10, 0, 0)
           .with(&Facts::mptcp, &Facts::kernel_socket, &Facts::never_accepted, &Facts::rst_after,
                 &Facts::owned)
           .set([](Closure& c) { c.shutdown_flags = 3; }),
       {.cls = Class::abortive,
        .reason = Reason::linger_zero,
        .initiator = Initiator::local,
        .linger = LingerOutcome::zero,
        .lost = true}},
      {"A26: an MPTCP socket with unread data is closed, which resets its subflows",
       Scene(TcpState::established)
           .in_close()
           .with(&Facts::mptcp, &Facts::kernel_socket, &Facts::rst_before),
       {.cls = Class::abortive,
        .reason = Reason::unread_data,
        .rule = "unread_data.subflow",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs}},
      {"A26: an MPTCP socket with linger {1,0} is closed, which resets its subflows",
       Scene(TcpState::established)
           .in_close()
           .linger(0)
           .bytes(0, 10, 0)
           .with(&Facts::mptcp, &Facts::kernel_socket, &Facts::rst_before),
       {.cls = Class::abortive,
        .reason = Reason::linger_zero,
        .rule = "linger_zero.subflow",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .linger = LingerOutcome::zero,
        .lost = true,
        .full_blocked_us = kFullBlockedUs}},
      {"A26: MPTCP resets a subflow from softirq",
       Scene(TcpState::established)
           .held()
           .error(EBADMSG)
           .with(&Facts::mptcp, &Facts::kernel_socket, &Facts::rst_before),
       {.cls = Class::abortive,
        .reason = Reason::disconnected,
        .rule = "disconnected.subflow",
        .initiator = Initiator::local}},
      {"A27: SMC aborts its TCP socket",
       Scene(TcpState::established)
           .held()
           .error(ECONNABORTED)
           .bytes(100, 0, 0)
           .with(&Facts::kernel_socket, &Facts::rst_before),
       {.cls = Class::abortive,
        .reason = Reason::destroyed,
        .initiator = Initiator::local,
        .lost = true}},
      {"A27: close() of an SMC socket that fell back to TCP",
       Scene(TcpState::fin_wait2)
           .orphan(kMs)
           .with(&Facts::peer_fin, &Facts::kernel_socket)
           .set([](Closure& c) { c.closer.close_call = true; }),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::close,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000},
       sees_timewait},
      {"A28: a kernel thread releases a kernel socket",
       Scene(TcpState::fin_wait2)
           .orphan(kMs)
           .with(&Facts::peer_fin, &Facts::kernel_socket)
           .set([](Closure& c) { c.closer.kthread = true; }),
       {.cls = Class::graceful,
        .reason = Reason::local_first,
        .initiator = Initiator::local,
        .closed_by = ClosedBy::kernel,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000},
       sees_timewait},
      {"A28: umount releases an NFS socket in the context of a process",
       Scene(TcpState::last_ack).orphan(kMs).with(&Facts::kernel_socket),
       {.cls = Class::graceful,
        .reason = Reason::peer_first,
        .initiator = Initiator::peer,
        .closed_by = ClosedBy::kernel,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1000}},
      {"B16: the namespace of a kernel socket is gone",
       Scene(TcpState::fin_wait1)
           .orphan(kSecond)
           .bytes(0, 500, 0)
           .with(&Facts::kernel_socket)
           .set([](Closure& c) { c.closer.kthread = true; }),
       {.cls = Class::abortive,
        .reason = Reason::destroyed,
        .rule = "destroyed.namespace",
        .initiator = Initiator::local,
        .closed_by = ClosedBy::kernel,
        .lost = true,
        .full_blocked_us = kFullBlockedUs,
        .drain_us = 1'000'000}},
  };
}

}  // namespace closewatch::situations
