// SPDX-License-Identifier: Apache-2.0
#include "userspace/classify/meaning.h"

#include <array>

namespace closewatch {
namespace {

// In the order of the enumeration.
constexpr std::array<Explanation, kClassCount> kClasses{{
    {// graceful
     "The peer's TCP acknowledged everything that was sent, our FIN included. Whether the peer's "
     "application has read it, TCP does not say.",
     "Nothing to mend. An application that must know that its data was taken has to wait for an "
     "answer, or for the peer's end of stream, before close()."},
    {// lingered
     "SO_LINGER with a positive time made close() wait, and all data and the FIN were acknowledged "
     "before it returned. The peer's application may still not have read them.",
     "Look at the time that close() blocked its thread; O_NONBLOCK does not prevent it. Where that "
     "hurts, switch SO_LINGER off: the kernel delivers the same data in the background."},
    {// timed_out
     "A limit of time passed before the peer had acknowledged everything: one of the kernel's, or "
     "the linger time of close(). Only with linger_expired was everything delivered after all.",
     "The reason names the limit. Then see whether the peer was gone, the path was cut, or the "
     "peer's application had stopped reading."},
    {// abortive
     "The connection was cut off, as a rule by a reset. What was not acknowledged or not read by "
     "then is gone; the byte counts say how much.",
     "Begin with the closures that lost bytes. An abort that lost nothing, after a complete "
     "exchange, rarely does harm."},
    {// unestablished
     "The handshake was never completed, so there was no connection that could be closed.",
     "These are not counted as closures; --unestablished shows them."},
    {// unknown
     "No rule fits what the kernel reported. That is a defect of closewatch.",
     "Please report it with the output of closewatch explain, or with a capture that closewatch "
     "record made."},
}};

// In the order of the enumeration.
constexpr std::array<Explanation, kReasonCount> kReasonMeanings{{
    {// local_first
     "This side sent its FIN first, and the peer acknowledged it and all data before it.",
     "Nothing to mend. The side that closes first keeps the connection in TIME_WAIT; a client that "
     "runs out of ports to one address should reuse connections, or let the server close first."},
    {// peer_first
     "The peer sent its FIN first. This side answered with its own, and the peer acknowledged it "
     "and all data before it.",
     "Nothing to mend. If the peer closes sooner than expected, compare the idle times of both "
     "sides."},
    {// simultaneous
     "Both sides sent a FIN before they had seen the other's. Everything was acknowledged.",
     "Nothing to mend."},
    {// linger_completed
     "close() waited, as SO_LINGER asks, until all data and the FIN were acknowledged. It waits "
     "for neither the peer's FIN nor the peer's application.",
     "Do not set a positive linger time on the thread of an event loop: close() blocks it, "
     "O_NONBLOCK or not. To know that the peer is done, shutdown(SHUT_WR) and read to end of "
     "stream "
     "instead."},
    {// linger_expired
     "The linger time passed first. close() returned 0 and told the application nothing; the "
     "kernel went on in the background and did deliver everything. Linux never resets a "
     "connection because a linger time ran out.",
     "close() blocked its thread for the whole linger time and nothing was gained. Switch "
     "SO_LINGER "
     "off, or, to learn of delivery, shutdown(SHUT_WR) and read to end of stream under a time "
     "limit "
     "of the application's own."},
    {// retransmission
     "Data was retransmitted until the kernel gave up, because no acknowledgement came. No reset "
     "is sent, so the peer, if it lives, does not know.",
     "Look for a peer that went down, a firewall that drops silently, or a NAT entry that expired. "
     "If all that was lost was never sent, this host could not send it: see its routes, addresses "
     "and firewall. "
     "tcp_retries2 limits a connection with an owner, tcp_orphan_retries one that was closed, and "
     "TCP_USER_TIMEOUT replaces both on one socket."},
    {// fin_unacked
     "All data was acknowledged, but our FIN never was, until the kernel gave up. No data was "
     "lost.",
     "Harmless for the data. Many of these mean that peers vanish instead of closing, or that a "
     "firewall or NAT on the way forgets connections before they end."},
    {// zero_window
     "The peer had acknowledged everything that was sent and had no room for more: its application "
     "did not read. The kernel probed the window until it gave up.",
     "Look at the reader on the peer's side. After close() the kernel probes only "
     "tcp_orphan_retries times, so do not close() with much unsent data; bound slow readers with a "
     "write timeout of the application or TCP_USER_TIMEOUT."},
    {// keepalive
     "The connection was idle, nobody answered the keepalive probes, and the kernel gave the peer "
     "up.",
     "The peer is gone, or a NAT or firewall forgot an idle connection. If peers are in fact "
     "alive, "
     "set TCP_KEEPIDLE below the idle time of the box in between."},
    {// user_timeout
     "The socket has TCP_USER_TIMEOUT, and the peer did not acknowledge within that time. It "
     "counts "
     "after close() too, in place of the kernel's own limits.",
     "The application chose this limit. Raise it if live peers are cut off; otherwise look for "
     "what stopped them, as for retransmission and zero_window."},
    {// unread_data
     "The socket was closed while received data was still unread. The kernel then sends a reset "
     "instead of a FIN and drops all that it still had to send, and the reset may cost the peer an "
     "answer that it has received but not read yet.",
     "Before close(), read to end of stream; or shutdown(SHUT_WR) and drain, up to a limit of "
     "bytes "
     "and time, until the peer's FIN comes. A request body that nobody read and a TLS close_notify "
     "are the usual leftovers."},
    {// linger_zero
     "SO_LINGER was on with a time of 0, so close() cut the connection off and dropped what was "
     "not "
     "yet acknowledged. In CLOSING and LAST_ACK with everything sent this happens without a reset.",
     "If it is there to avoid TIME_WAIT, use it only after the peer's end of stream. Otherwise "
     "take "
     "SO_LINGER {1,0} out. On an MPTCP subflow the kernel itself uses it to end a connection "
     "fast."},
    {// data_after_close
     "The peer sent data after this side had closed, when nobody could receive it any more. The "
     "kernel answered with a reset and dropped all that it still had to send. The peer did not "
     "send "
     "a reset.",
     "With persistent connections this is a request that met an idle close: raise the idle time "
     "above the peer's, so that the peer closes first. Otherwise shutdown(SHUT_WR) and drain to "
     "end "
     "of stream before close()."},
    {// reset_by_peer
     "A reset arrived from the peer, or from a box on the way that speaks for it. What it had not "
     "acknowledged by then is given up.",
     "The cause is on the other side, where closewatch would name it: data left unread at its "
     "close, "
     "our data after its close, a crash, an idle time in a load balancer or firewall."},
    {// disconnected
     "The application ended the connection with connect(AF_UNSPEC), which resets it; the same "
     "socket may connect again. An MPTCP subflow is ended like this by the kernel.",
     "This is deliberate. If it loses bytes, let the application shutdown(SHUT_WR) and drain "
     "first."},
    {// destroyed
     "Somebody other than the owner ended the connection: SOCK_DESTROY (ss -K) or "
     "bpf_sock_destroy(). A kernel socket also ends so when its network namespace goes away.",
     "The actor says who. Network managers and service proxies do this when an address or a "
     "backend "
     "goes away. Do not use ss -K on closed connections under Linux 5.10: it drops their data and "
     "leaves the sockets behind for ever."},
    {// listener_closed
     "The connection was complete and waited to be accepted when its listener was closed or shut "
     "down, so the kernel reset it. To the peer it had looked open; what it had sent is lost.",
     "On restart pass the listening socket on (socket activation), or use SO_REUSEPORT with "
     "net.ipv4.tcp_migrate_req=1 where the kernel has it, or stop new connections first and accept "
     "until the queue is empty."},
    {// orphan_limit
     "The connection had been closed and was still sending when the kernel ran into its limit of "
     "orphans (tcp_max_orphans) or of TCP memory (tcp_mem). It sent a reset and dropped the data.",
     "See orphan and mem in /proc/net/sockstat, and closewatch pending for who closes with data "
     "unsent. Raise the limits or lower tcp_orphan_retries."},
    {// linger2
     "TCP_LINGER2 is negative: once our FIN was acknowledged the kernel reset the connection "
     "instead of waiting for the peer's FIN. Everything we had sent was acknowledged.",
     "What the peer still sends is lost to it without need. Leave TCP_LINGER2 alone, or give it "
     "a positive number of seconds."},
    {// fin_wait2_timeout
     "Our data and FIN were acknowledged, the peer never sent its FIN, and a timer reset the "
     "connection. Nothing of ours was lost.",
     "The peer keeps its side open: it leaks connections in CLOSE_WAIT, or means to go on sending. "
     "tcp_fin_timeout and TCP_LINGER2 set the time."},
    {// repair
     "The socket was in TCP_REPAIR mode, in which the kernel drops a connection without a word to "
     "the peer.",
     "Expected when a checkpoint tool (CRIU) moves a connection. Otherwise find who sets "
     "TCP_REPAIR; it takes CAP_NET_ADMIN."},
    {// refused
     "The peer answered the connection attempt with a reset: as a rule nothing listens on that "
     "port, or a firewall rejects it.",
     "Check that the service runs and listens on that address and port, and which firewall rules "
     "reject."},
    {// connect_timeout
     "The handshake went unanswered until the kernel gave up.",
     "Check the address, the route and firewalls that drop silently. tcp_syn_retries and "
     "TCP_SYNCNT set how long the kernel tries."},
    {// connect_error
     "The connection attempt failed with an error: on this host (no route, no free port) or by an "
     "ICMP message. One that the application took back with shutdown() or connect(AF_UNSPEC) "
     "counts here as well.",
     "The errno says what was missing. Without one, look at routes and at net.ipv4."
     "ip_local_port_range."},
    {// closed_in_syn_sent
     "The socket was closed before the handshake was complete. In SYN_SENT nothing is sent then, "
     "and data given along with TCP Fast Open is lost.",
     "Mostly a connect timeout of the application, or the slower of two addresses that were tried "
     "at once. If there are many, see why the peer is slow to answer."},
    {// unknown
     "No rule fits what the kernel reported. That is a defect of closewatch.",
     "Please report it with the output of closewatch explain, or with a capture that closewatch "
     "record made."},
}};

}  // namespace

const Explanation& explanation_of(Class value) {
  return kClasses.at(static_cast<std::size_t>(value));
}

const Explanation& explanation_of(Reason value) {
  return kReasonMeanings.at(static_cast<std::size_t>(value));
}

}  // namespace closewatch
