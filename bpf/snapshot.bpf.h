/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a socket looks like when its connection ends. To be taken at the switch to CLOSE, before
 * anything is purged: tcp_disconnect() later adds to write_seq and clears copied_seq and the peer's
 * port (kernel.md 0.2; tcp.c, 5.10 to 7.2).
 */
#ifndef CLOSEWATCH_SNAPSHOT_BPF_H
#define CLOSEWATCH_SNAPSHOT_BPF_H

#include "ledger.bpf.h"

/*
 * The last reference to the socket is being released in the caller's context: close(), exit, exec,
 * dup2, io_uring. A socket of the kernel itself has no file; both directions shut then say the same.
 */
static __always_inline bool snapshot_releasing(struct sock *sk)
{
	struct socket *socket = compat_socket(sk);
	struct file *file;

	if (!socket)
		return false;
	file = socket->file;
	if (!file)
		return sk->sk_shutdown == SHUTDOWN_MASK;
	return compat_file_released(file);
}

static __always_inline void snapshot_address(__u8 *out, struct sock *sk, bool peer)
{
	__u32 *word = (__u32 *)out;

	if (sk->__sk_common.skc_family == AF_INET6) {
		struct in6_addr *in6 =
		    peer ? &sk->__sk_common.skc_v6_daddr : &sk->__sk_common.skc_v6_rcv_saddr;

		word[0] = in6->in6_u.u6_addr32[0];
		word[1] = in6->in6_u.u6_addr32[1];
		word[2] = in6->in6_u.u6_addr32[2];
		word[3] = in6->in6_u.u6_addr32[3];
		return;
	}
	word[0] = 0;
	word[1] = 0;
	word[2] = bpf_htonl(0xffff);
	word[3] = peer ? sk->__sk_common.skc_daddr : sk->__sk_common.skc_rcv_saddr;
}

static __always_inline void snapshot_identity(struct cw_closure *closure, struct sock *sk,
					      struct tcp_sock *tcp)
{
	closure->family = (__u8)sk->__sk_common.skc_family;
	snapshot_address(closure->local, sk, false);
	snapshot_address(closure->peer, sk, true);
	/* skc_num is 0 by now when the port was bound automatically (inet_put_port) */
	closure->local_port = bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport);
	closure->peer_port = bpf_ntohs(sk->__sk_common.skc_dport);
	closure->socket_uid = sk->sk_uid.val;
}

/* Received and not read. The peer's FIN takes one sequence number (tcp_fin sets SOCK_DONE). */
static __always_inline __u32 snapshot_unread(struct sock *sk, struct tcp_sock *tcp)
{
	__u32 unread = tcp->rcv_nxt - tcp->copied_seq;

	if (unread && SOCKET_FLAG(sk, SOCK_DONE))
		unread--;
	return unread;
}

struct send_bytes {
	__u32 never_sent;
	__u32 unacked;
};

/*
 * Application bytes that are not sent, and sent but not acknowledged: kernel.md 2.1. All sequence
 * numbers are modulo 2^32. A FIN of ours is in write_seq once tcp_send_fin() ran and counts as data
 * nowhere; in SYN_SENT one unacknowledged number is the SYN.
 */
static __always_inline struct send_bytes snapshot_send_bytes(const struct ledger_entry *entry,
							     struct tcp_sock *tcp, int state)
{
	__u32 written = tcp->write_seq, next = tcp->snd_nxt, acked = tcp->snd_una;
	bool fin = entry->fin_known && written != entry->fin_sequence;
	struct send_bytes bytes = {
	    .never_sent = written - next,
	    .unacked = next - acked,
	};

	if (fin && bytes.never_sent)
		bytes.never_sent--;
	else if (fin && bytes.unacked)
		bytes.unacked--;
	/* the SYN; a passive child starts beyond its own */
	if (bytes.unacked &&
	    (state == TCP_SYN_SENT ||
	     (state == TCP_SYN_RECV && (entry->closure.facts & CW_FACT(CW_FACT_ACTIVE_OPEN)))))
		bytes.unacked--;
	return bytes;
}

/* A socket first met after its FIN: the FIN is the last number of write_seq. */
static __always_inline void snapshot_guess_fin(struct ledger_entry *entry, struct tcp_sock *tcp, int state)
{
	if (entry->fin_known)
		return;
	if (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING ||
	    state == TCP_LAST_ACK) {
		entry->fin_sequence = tcp->write_seq - 1;
		entry->fin_known = 1;
	}
}

static __always_inline bool snapshot_is_tls(struct tcp_sock *tcp)
{
	const struct tcp_ulp_ops *ulp = tcp->inet_conn.icsk_ulp_ops;

	return ulp && ulp->name[0] == 't' && ulp->name[1] == 'l' && ulp->name[2] == 's' && !ulp->name[3];
}

/*
 * Without a struct socket and yet no orphan: in an accept queue, where no FIN of ours was sent. Or a
 * subflow whose MPTCP socket was closed (mptcp/protocol.c, __mptcp_close): that one was opened, or
 * has sent its FIN, or is known to be closed.
 */
static __always_inline bool snapshot_in_accept_queue(const struct ledger_entry *entry, struct sock *sk,
						     int state)
{
	return !compat_socket(sk) && !(entry->closure.facts & CW_FACT(CW_FACT_ACTIVE_OPEN)) &&
	       !(entry->closure.closer_flags & CW_CLOSER_CLOSED) &&
	       (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_SYN_RECV);
}

static __always_inline __u64 snapshot_facts(const struct ledger_entry *entry, struct sock *sk,
					    struct tcp_sock *tcp, int state)
{
	__u64 facts = 0;

	if (SOCKET_FLAG(sk, SOCK_DEAD))
		facts |= CW_FACT(CW_FACT_DEAD);
	else if (snapshot_in_accept_queue(entry, sk, state))
		facts |= CW_FACT(CW_FACT_NEVER_ACCEPTED);
	if (SOCKET_FLAG(sk, SOCK_DONE))
		facts |= CW_FACT(CW_FACT_PEER_FIN);
	if (SOCKET_FLAG(sk, SOCK_LINGER))
		facts |= CW_FACT(CW_FACT_LINGER);
	if (SOCKET_FLAG(sk, SOCK_KEEPOPEN))
		facts |= CW_FACT(CW_FACT_KEEPALIVE);
	if (BPF_CORE_READ_BITFIELD(tcp, repair))
		facts |= CW_FACT(CW_FACT_REPAIR);
	if (BPF_CORE_READ_BITFIELD(sk, sk_kern_sock))
		facts |= CW_FACT(CW_FACT_KERNEL_SOCKET);
	if (bpf_core_field_exists(tcp->is_mptcp) && tcp->is_mptcp)
		facts |= CW_FACT(CW_FACT_MPTCP);
	if (snapshot_is_tls(tcp))
		facts |= CW_FACT(CW_FACT_TLS);
	if (sk->sk_lock.owned)
		facts |= CW_FACT(CW_FACT_OWNED);
	return facts;
}

/* Fills all that the socket itself says, but for the state, which was `state` before CLOSE. */
static __always_inline void snapshot_take(struct ledger_entry *entry, struct sock *sk, struct tcp_sock *tcp,
					  int state)
{
	struct cw_closure *closure = &entry->closure;
	struct send_bytes bytes;
	bool fin;

	snapshot_guess_fin(entry, tcp, state);
	snapshot_identity(closure, sk, tcp);
	bytes = snapshot_send_bytes(entry, tcp, state);
	closure->never_sent = bytes.never_sent;
	closure->unacked = bytes.unacked;
	fin = entry->fin_known && tcp->write_seq != entry->fin_sequence;
	closure->facts |= snapshot_facts(entry, sk, tcp, state);
	if (fin)
		closure->facts |= CW_FACT(CW_FACT_FIN_QUEUED);
	/* bytes_acked counts the SYN of an active open (taken off by acked_start) and an acked FIN */
	if (entry->born)
		closure->sent = tcp->bytes_acked - entry->acked_start -
				(fin && tcp->snd_una == tcp->write_seq) + bytes.unacked;
	else if (state == TCP_SYN_SENT)
		closure->sent = bytes.unacked; /* TCP Fast Open data with the SYN, else nothing */
	closure->received = tcp->bytes_received;
	if (closure->received && SOCKET_FLAG(sk, SOCK_DONE))
		closure->received--;
	/* MAX_SCHEDULE_TIMEOUT is a legal linger time: saturate, or it would read as zero */
	closure->linger_jiffies = sk->sk_lingertime > 0xffffffff ? 0xffffffff : (__u32)sk->sk_lingertime;
	closure->user_timeout_ms = tcp->inet_conn.icsk_user_timeout;
	closure->send_window = tcp->snd_wnd;
	closure->sock_error = sk->sk_err;
	closure->sock_soft_error = sk->sk_err_soft;
	closure->linger2 = tcp->linger2;
	closure->shutdown_flags = sk->sk_shutdown;
	closure->retransmits = tcp->inet_conn.icsk_retransmits;
	closure->probes_out = tcp->inet_conn.icsk_probes_out;
}

#endif
