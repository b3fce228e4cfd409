/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One handler per fact. Each runs under the socket lock unless it says otherwise. What may be
 * concluded where, and from which kernel function, is in README.md (hook table).
 */
#ifndef CLOSEWATCH_HANDLERS_BPF_H
#define CLOSEWATCH_HANDLERS_BPF_H

#include "emit.bpf.h"
#include "identity.bpf.h"
#include "ledger.bpf.h"
#include "mptcp.bpf.h"
#include "snapshot.bpf.h"
#include "stack.bpf.h"

const volatile __u32 cw_full = 0; /* the full hook set is attached */
/* Base mode on 6.10 and later: tcp_send_reset also speaks of timewait sockets; find them by cookie. */
const volatile __u32 cw_timewait_cookies = 0;

/*
 * Listeners being closed, by thread, while inet_csk_listen_stop() resets their queues. Inserted:
 * LISTEN to CLOSE. Overwritten by the thread's next one. Looked up: end of a never accepted child.
 */
struct closing_listener {
	struct cw_task owner;
	__u32 role;
	__s32 exit_code;
	__u32 closer_flags;
	__u32 _pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct closing_listener);
} closing_listeners SEC(".maps");

/*
 * The last wait of each thread for SO_LINGER, where nothing but the delivery of a signal tells that one broke
 * it (base set). Inserted: when the wait begins. Overwritten by the thread's next one. Looked up: at its
 * signals, and when something happens to the socket.
 */
struct linger_wait {
	__u64 sk;
	__u64 until;	 /* jiffies: before that, the wait is not over by itself */
	__u64 broken_ns; /* a signal was delivered before that; 0 none */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct linger_wait);
} linger_waits SEC(".maps");

static __always_inline bool is_tcp(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP_NUMBER;
}

/* Is it a full TCP socket? Some hooks are also called for timewait and request sockets. */
static __always_inline bool is_full(struct sock *sk)
{
	int state = sk->__sk_common.skc_state;

	return state != TCP_TIME_WAIT && state <= TCP_CLOSING && is_tcp(sk);
}

static __always_inline bool has_fin(int state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING ||
	       state == TCP_LAST_ACK;
}

/* States in which close() waits for SO_LINGER (sk_stream_closing, net/core/stream.c). */
static __always_inline bool linger_waits_in(int state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_CLOSING || state == TCP_LAST_ACK;
}

/* ---- what the application does ---- */

/* The last reference goes away in the context of the current task; `state` is the state before. */
static __always_inline void note_close(void *ctx, struct ledger_entry *entry, int state)
{
	struct cw_closure *closure = &entry->closure;

	if (closure->closer_flags & CW_CLOSER_CLOSED)
		return;
	closure->closer_flags |= CW_CLOSER_CLOSED | identity_closer_flags(&closure->exit_code);
	closure->close_ns = entry->called_ns ? entry->called_ns : bpf_ktime_get_boot_ns();
	if (!closure->state_at_close)
		closure->state_at_close = (__u8)state;
	if (!(closure->facts & CW_FACT(CW_FACT_ABORTED_BY_OTHER)))
		stack_note(ctx, closure);
	/* a kernel thread releases on behalf of whoever used the socket last */
	if (!(closure->closer_flags & CW_CLOSER_KTHREAD))
		identity_note(entry, CW_ROLE_CLOSER);
}

static __always_inline void note_shutdown(void *ctx, struct ledger_entry *entry, int state)
{
	struct cw_closure *closure = &entry->closure;

	closure->closer_flags |= CW_CLOSER_SHUTDOWN;
	if (!closure->state_at_close)
		closure->state_at_close = (__u8)state;
	stack_note(ctx, closure);
	identity_note(entry, CW_ROLE_USER);
}

static __always_inline void note_linger_wait(struct ledger_entry *entry, struct sock *sk,
					     struct tcp_sock *tcp)
{
	__u64 thread = bpf_get_current_pid_tgid(), now = bpf_jiffies64();
	struct linger_wait wait = {.sk = (__u64)sk, .until = now + sk->sk_lingertime};

	entry->closure.facts |= CW_FACT(CW_FACT_LINGER_WAIT);
	if (!entry->closing)
		entry->close_jiffies = (__u32)now;
	if (cw_full || mptcp_is_subflow(tcp))
		return;
	bpf_map_update_elem(&linger_waits, &thread, &wait, BPF_ANY);
}

/* close() or shutdown() moved the socket from `state` to `next`. */
static __always_inline void note_local_end(void *ctx, struct ledger_entry *entry, struct sock *sk,
					   struct tcp_sock *tcp, int state, int next)
{
	struct cw_closure *closure = &entry->closure;

	if (mptcp_is_subflow(tcp)) {
		mptcp_note_fin(entry, sk, tcp, state);
		if (!mptcp_current_owner(sk)) /* nobody waits */
			return;
	} else {
		if (!identity_usable(sk) || SOCKET_FLAG(sk, SOCK_DEAD))
			return;
		if (!entry->closing && !snapshot_releasing(sk)) {
			if (compat_socket(sk) && state != next)
				note_shutdown(ctx, entry, state);
			return;
		}
		note_close(ctx, entry, state);
	}
	if (linger_waits_in(next) && SOCKET_FLAG(sk, SOCK_LINGER) && sk->sk_lingertime &&
	    !(closure->closer_flags & CW_CLOSER_EXITING))
		note_linger_wait(entry, sk, tcp);
}

/* ---- the end ---- */

/* The first that happens to a socket since its close() waits: was the wait broken by a signal before? */
static __always_inline bool note_broken_linger(struct cw_closure *closure, struct sock *sk)
{
	__u64 thread = (__u64)closure->process.pid << 32 | closure->process.tid;
	struct linger_wait *wait = bpf_map_lookup_elem(&linger_waits, &thread);

	if (!wait || wait->sk != (__u64)sk || !wait->broken_ns)
		return false;
	closure->facts |= CW_FACT(CW_FACT_LINGER_LEFT) | CW_FACT(CW_FACT_LINGER_BROKEN);
	closure->linger_ns = closure->blocked_ns = wait->broken_ns - closure->close_ns;
	return true;
}

/* The wait is one in jiffies, and began after `close_jiffies`: what is not over by them was broken off. */
static __always_inline void note_linger_left(struct ledger_entry *entry, struct sock *sk)
{
	entry->closure.facts |= CW_FACT(CW_FACT_LINGER_LEFT);
	if ((__u32)bpf_jiffies64() - entry->close_jiffies < (__u64)sk->sk_lingertime)
		entry->closure.facts |= CW_FACT(CW_FACT_LINGER_BROKEN);
}

/*
 * Something happens to a socket whose close() waits for SO_LINGER, or did. `acked`: all data and
 * the FIN are acknowledged now.
 */
static __always_inline void note_linger(struct ledger_entry *entry, struct sock *sk, bool acked, bool over)
{
	struct cw_closure *closure = &entry->closure;

	if (!(closure->facts & CW_FACT(CW_FACT_LINGER_WAIT)) || closure->linger_ns)
		return;
	if (!cw_full && note_broken_linger(closure, sk))
		return;
	if (SOCKET_FLAG(sk, SOCK_DEAD) || (over && !acked))
		note_linger_left(entry, sk);
	else if (acked)
		closure->facts |= CW_FACT(CW_FACT_LINGER_ACKED);
	else
		return;
	closure->linger_ns = bpf_ktime_get_boot_ns() - closure->close_ns;
}

/*
 * tp signal_deliver: the thread is about to leave the kernel. If the time of its wait is not over, and
 * nothing happened to the socket, a signal broke the wait.
 */
static __always_inline void handle_signal(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct linger_wait *wait = bpf_map_lookup_elem(&linger_waits, &thread);

	if (wait && !wait->broken_ns && bpf_jiffies64() < wait->until)
		wait->broken_ns = bpf_ktime_get_boot_ns();
}

/* The closer of the listener resets the connections that nobody accepted (inet_csk_listen_stop). */
static __always_inline void note_listener(void *ctx, struct ledger_entry *entry)
{
	struct cw_closure *closure = &entry->closure;
	__u64 thread = bpf_get_current_pid_tgid();
	struct closing_listener *listener = bpf_map_lookup_elem(&closing_listeners, &thread);

	identity_of_current(&closure->actor);
	stack_note(ctx, closure);
	entry->in_cgroup = filter_current_in_cgroup();
	if (listener) {
		closure->closer_flags = (__u8)listener->closer_flags;
		closure->exit_code = listener->exit_code;
	}
	if (listener && listener->role != CW_ROLE_NONE)
		closure->process = listener->owner;
	else
		closure->process = closure->actor;
	closure->role = CW_ROLE_LISTENER;
}

/*
 * Does an active RST or the destruction of the socket follow for certain, in the same context? Then
 * the record waits for it. The cases are those of tcp.c: __tcp_close(), tcp_disconnect(),
 * inet_child_forget().
 */
static __always_inline bool end_continues(struct ledger_entry *entry, struct tcp_sock *tcp, int state)
{
	__u64 facts = entry->closure.facts;

	if (entry->closure.sock_error)
		return false;
	if (facts & CW_FACT(CW_FACT_NEVER_ACCEPTED))
		return state != TCP_SYN_RECV || (facts & CW_FACT(CW_FACT_OWNED));
	if (facts & (CW_FACT(CW_FACT_IN_CLOSE)))
		return true;
	if (!(facts & CW_FACT(CW_FACT_OWNED)))
		return false;
	if (facts & CW_FACT(CW_FACT_DEAD))
		return true;
	return (facts & CW_FACT(CW_FACT_DISCONNECT)) &&
	       (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_SYN_RECV ||
		state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || tcp->snd_nxt != tcp->write_seq);
}

/*
 * A process holds the lock and the descriptor, and no error is set: either connect(AF_UNSPEC), or
 * the last acknowledgement was processed from the backlog in that process's context.
 */
static __always_inline bool is_disconnect(struct tcp_sock *tcp, __u64 facts, int state)
{
	if (!(facts & CW_FACT(CW_FACT_OWNED)) || !(facts & CW_FACT(CW_FACT_FD_OPEN)))
		return false;
	switch (state) {
	case TCP_FIN_WAIT2:
		return !(facts & CW_FACT(CW_FACT_PEER_FIN));
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return tcp->snd_una != tcp->write_seq;
	default:
		return true;
	}
}

/*
 * May a RST answer to a segment follow once the record is out? After tcp_reset() that a shut
 * receiver called (data after close: tcp_rcv_state_process), and after FIN_WAIT2 was left without the
 * peer's FIN and without a timewait socket.
 */
static __always_inline bool awaits_answer(struct ledger_entry *entry, int state)
{
	struct cw_closure *closure = &entry->closure;
	__u64 facts = closure->facts;

	if (facts & CW_FACT(CW_FACT_RST_BEFORE))
		return false;
	if (facts & CW_FACT(CW_FACT_RESET_CALLED))
		return !(facts & CW_FACT(CW_FACT_RST_IN)) && (closure->shutdown_flags & RCV_SHUTDOWN) &&
		       has_fin(state);
	return state == TCP_FIN_WAIT2 && (facts & CW_FACT(CW_FACT_DEAD)) && !closure->sock_error &&
	       !(facts & CW_FACT(CW_FACT_PEER_FIN)) && !entry->timewait_seen;
}

static __always_inline void note_place(struct ledger_entry *entry, struct sock *sk, struct tcp_sock *tcp,
				       int state)
{
	struct cw_closure *closure = &entry->closure;

	if (closure->facts &
	    (CW_FACT(CW_FACT_DEAD) | CW_FACT(CW_FACT_NEVER_ACCEPTED) | CW_FACT(CW_FACT_IN_CLOSE)))
		return;
	if (entry->closing || snapshot_releasing(sk)) {
		/* also true of softirq that wins the race against a close() which has not locked yet */
		if ((closure->facts & CW_FACT(CW_FACT_OWNED)) || (closure->closer_flags & CW_CLOSER_CLOSED))
			closure->facts |= CW_FACT(CW_FACT_IN_CLOSE);
		return;
	}
	closure->facts |= CW_FACT(CW_FACT_FD_OPEN);
	if (!closure->sock_error && is_disconnect(tcp, closure->facts, state))
		closure->facts |= CW_FACT(CW_FACT_DISCONNECT);
}

/*
 * The state before CLOSE, and with it all other facts, is read from the entry again. The verifier knows
 * nothing of what is there; of what stays in registers it knows what was asked of it, and follows each
 * combination of answers by itself to the end of the program.
 */
static __always_inline int final_state(const struct cw_closure *closure)
{
	barrier();
	return closure->final_state;
}

/* The connection ends: the socket leaves `state` for CLOSE. What is left to do is to record it. */
static __always_inline void end_connection(void *ctx, struct ledger_entry *entry, struct sock *sk,
					   struct tcp_sock *tcp, int state)
{
	struct cw_closure *closure = &entry->closure;
	bool acked;

	closure->final_state = (__u8)state;
	closure->end_ns = bpf_ktime_get_boot_ns();
	if (mptcp_is_subflow(tcp))
		mptcp_note_end(entry, sk, tcp, final_state(closure));
	snapshot_take(entry, sk, tcp, final_state(closure));
	note_place(entry, sk, tcp, final_state(closure));
	if (cw_full)
		closure->facts |= CW_FACT(CW_FACT_FULL_HOOKS);
	if (closure->facts & CW_FACT(CW_FACT_IN_CLOSE)) {
		if (identity_usable(sk))
			note_close(ctx, entry, final_state(closure));
		if (closure->close_ns > closure->end_ns) /* first seen at the end: one moment */
			closure->close_ns = closure->end_ns;
	} else if (closure->facts & CW_FACT(CW_FACT_DISCONNECT)) {
		stack_note(ctx, closure);
		identity_note(entry, CW_ROLE_USER);
	}
	if ((closure->facts & CW_FACT(CW_FACT_NEVER_ACCEPTED)) && !closure->sock_error &&
	    final_state(closure) != TCP_SYN_RECV)
		note_listener(ctx, entry);
	if (closure->sock_error == ECONNABORTED && identity_usable(sk) && !entry->aborting) {
		identity_of_current(&closure->actor);
		stack_note(ctx, closure);
		closure->facts |= CW_FACT(CW_FACT_ABORTED_BY_OTHER);
	}
	if (!(closure->facts & CW_FACT(CW_FACT_FD_OPEN)) || (closure->facts & CW_FACT(CW_FACT_DISCONNECT)))
		closure->unread += snapshot_unread(sk, tcp);
	acked = has_fin(final_state(closure)) && tcp->snd_una == tcp->write_seq;
	note_linger(entry, sk, acked, true);
	if (awaits_answer(entry, final_state(closure))) {
		closure->facts |= CW_FACT(CW_FACT_AWAITS_RST);
		/* the cookie also names the timewait socket, if that is what took over */
		entry->awaited = cw_timewait_cookies && !(closure->facts & CW_FACT(CW_FACT_RESET_CALLED))
				     ? bpf_get_socket_cookie(sk)
				     : (__u64)sk;
	}
	entry->stage = STAGE_ENDED;
}

/* ---- handlers ---- */

/* The socket begins a new life, and with it the entry: what the old one waited for is settled first. */
static __always_inline void begin_anew(struct ledger_entry *entry, struct sock *sk)
{
	if (entry->stage == STAGE_ENDED)
		record_closure(entry);
	ledger_reset(entry, sk);
}

/* connect() or listen(), also again after connect(AF_UNSPEC). */
static __always_inline struct ledger_entry *begin_afresh(struct sock *sk)
{
	struct ledger_entry *entry = ledger_find(sk);

	if (!entry)
		return ledger_create(sk);
	begin_anew(entry, sk);
	return entry;
}

/*
 * A socket leaves SYN_RECV: a passive child, of which nothing is known yet. Or it was met before: a
 * simultaneous open, or a child of TCP Fast Open that was read. An entry that neither can have left is
 * an old socket's, whose release went unseen.
 */
static __always_inline struct ledger_entry *begin_child(struct sock *sk, int next)
{
	struct ledger_entry *entry = ledger_find(sk);

	if (entry && entry->stage == STAGE_OPEN && !entry->born &&
	    (compat_socket(sk) || next != TCP_ESTABLISHED))
		return entry;
	if (entry)
		begin_anew(entry, sk);
	else
		entry = ledger_create(sk);
	if (entry)
		COUNT(begun);
	return entry;
}

static __always_inline bool begin_connection(struct sock *sk, __u16 event)
{
	struct ledger_entry *entry = begin_afresh(sk);

	if (!entry)
		return false;
	entry->handled = event;
	COUNT(begun);
	entry->closure.facts |= CW_FACT(CW_FACT_ACTIVE_OPEN);
	if (identity_usable(sk) && !mptcp_opened_by_worker(sk))
		identity_note(entry, CW_ROLE_OPENER);
	return true;
}

static __always_inline bool begin_listening(struct sock *sk, __u16 event)
{
	struct ledger_entry *entry = begin_afresh(sk);

	if (!entry)
		return false;
	entry->handled = event;
	entry->stage = STAGE_LISTENING;
	identity_note(entry, CW_ROLE_OPENER);
	return true;
}

static __always_inline bool note_established(struct sock *sk, struct tcp_sock *tcp, int old, __u16 event)
{
	struct ledger_entry *entry = old == TCP_SYN_RECV ? begin_child(sk, TCP_ESTABLISHED) : ledger_find(sk);

	if (!entry)
		return false;
	entry->handled = event;
	entry->born = 1;
	entry->state = TCP_ESTABLISHED;
	entry->acked_start = tcp->bytes_acked;
	entry->closure.born_ns = bpf_ktime_get_boot_ns();
	return true;
}

/*
 * Closed in SYN_RECV, as a TCP Fast Open server can: a connection although it never is ESTABLISHED. The
 * SYN of an active (simultaneous) open is acknowledged later; a passive child starts beyond its own.
 */
static __always_inline void note_never_established(struct ledger_entry *entry, struct tcp_sock *tcp)
{
	bool active = entry->closure.facts & CW_FACT(CW_FACT_ACTIVE_OPEN);

	if (entry->closure.facts & CW_FACT(CW_FACT_BEFORE_START))
		return;
	entry->born = 1;
	entry->acked_start = tcp->bytes_acked + active;
}

static __always_inline bool note_listener_end(struct sock *sk, __u16 event)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct closing_listener closing = {};
	struct ledger_entry *entry = ledger_open_listener(sk);

	if (entry) {
		entry->handled = event;
		closing.owner = entry->closure.process;
		closing.role = entry->closure.role;
	}
	/* neither released nor shut down by its own process: SOCK_DESTROY (tcp_abort) */
	if (snapshot_releasing(sk))
		closing.closer_flags = identity_closer_flags(&closing.exit_code) | CW_CLOSER_CLOSED;
	else if (closing.owner.pid == (__u32)(thread >> 32))
		closing.closer_flags = CW_CLOSER_SHUTDOWN;
	bpf_map_update_elem(&closing_listeners, &thread, &closing, BPF_ANY);
	return true;
}

/*
 * Changes of state that say nothing: the peer's FIN came, a child or a simultaneous open begins, a socket is
 * set up, our FIN is acknowledged and no close() waits for that.
 */
static __always_inline bool says_nothing(struct sock *sk, int old, int next)
{
	return next == TCP_CLOSE_WAIT || next == TCP_SYN_RECV ||
	       (old == TCP_FIN_WAIT1 && next == TCP_FIN_WAIT2 && !SOCKET_FLAG(sk, SOCK_LINGER)) ||
	       (old == TCP_CLOSE && next != TCP_SYN_SENT && next != TCP_LISTEN && next != TCP_ESTABLISHED);
}

static __always_inline bool handle_set_state(void *ctx, struct sock *sk, int old, int next, __u16 event)
{
	struct ledger_entry *entry;
	struct tcp_sock *tcp;

	if (next == TCP_SYN_SENT)
		return begin_connection(sk, event);
	if (next == TCP_LISTEN)
		return begin_listening(sk, event);
	if (old == TCP_LISTEN)
		return next == TCP_CLOSE && note_listener_end(sk, event);
	tcp = compat_tcp_sock(sk);
	if (!tcp)
		return false;
	if (next == TCP_ESTABLISHED)
		return note_established(sk, tcp, old, event);
	entry = old == TCP_SYN_RECV ? begin_child(sk, next) : ledger_open(sk, false);
	if (!entry) {
		if (next == TCP_CLOSE) {
			COUNT(ended);
			COUNT(lost_ledger);
		}
		return false;
	}
	entry->handled = event;
	entry->state = (__u8)next;
	if (old == TCP_SYN_RECV && has_fin(next))
		note_never_established(entry, tcp);
	if (old == next || (!has_fin(old) && has_fin(next))) {
		if (old == next) {
			snapshot_guess_fin(entry, tcp, old);
		} else if (!entry->fin_known) {
			entry->fin_sequence = tcp->write_seq;
			entry->fin_known = 1;
			if (next == TCP_LAST_ACK)
				entry->closure.facts |= CW_FACT(CW_FACT_PEER_FIN_FIRST);
		}
		note_local_end(ctx, entry, sk, tcp, old, next);
		return true;
	}
	snapshot_guess_fin(entry, tcp, old);
	if (next == TCP_CLOSE) {
		if (entry->stage != STAGE_OPEN)
			return true;
		end_connection(ctx, entry, sk, tcp, old);
		if (end_continues(entry, tcp, old))
			return true;
		record_closure(entry);
		if (entry->closure.facts & CW_FACT(CW_FACT_DEAD)) /* nobody can close it any more */
			ledger_drop(sk);
		return true;
	}
	if (next == TCP_CLOSING)
		entry->closure.facts |= CW_FACT(CW_FACT_CLOSING);
	note_linger(entry, sk, next == TCP_FIN_WAIT2, false);
	return true;
}

/* More became known of the closure that `key` names, if it ended at `since` or later. */
static __always_inline void amend_awaited(__u64 key, __u64 since, __u64 facts, int reason)
{
	struct closure_name *name = bpf_map_lookup_elem(&awaited, &key);
	struct cw_amendment amendment = {};

	if (!name || name->id < since)
		return;
	amendment.header.id = name->id;
	amendment.header.cpu = name->cpu;
	amendment.facts = facts;
	amendment.rst_reason = reason;
	bpf_map_delete_elem(&awaited, &key);
	record_amendment(&amendment);
}

#define CW_LATE_DATA (CW_FACT(CW_FACT_LATE_DATA_RESET) | CW_FACT(CW_FACT_RST_ANSWER))
#define ANSWER_LIMIT_NS 50000000 /* the answer leaves in the softirq that ended the connection */

static __always_inline __u64 cookie_of(struct sock *sk)
{
	return (__u64)sk->__sk_common.skc_cookie.counter;
}

/* Since an ended connection recorded itself, its socket may be released, or be another's. */
static __always_inline void amend_answer(struct sock *sk, int reason)
{
	__u64 since = bpf_ktime_get_boot_ns() - ANSWER_LIMIT_NS;

	amend_awaited((__u64)sk, since, CW_FACT(CW_FACT_RST_ANSWER), reason);
	if (cw_timewait_cookies)
		amend_awaited(cookie_of(sk), since, CW_FACT(CW_FACT_RST_ANSWER), reason);
}

/*
 * tp tcp_send_reset: we sent a RST. `answer`: to a segment (skb not NULL), else of our own accord.
 * Since 6.10 also for sockets that are no full sockets, and for none at all.
 */
static __always_inline bool handle_send_reset(struct sock *sk, bool answer, int reason, __u16 event)
{
	struct ledger_entry *entry;
	int state;

	if (!sk) {
		COUNT(rst_no_socket);
		return false;
	}
	state = sk->__sk_common.skc_state;
	if (state == TCP_TIME_WAIT) {
		if (cw_timewait_cookies)
			amend_awaited(cookie_of(sk), 0, CW_LATE_DATA, reason);
		return false;
	}
	if (state > TCP_CLOSING || state == TCP_LISTEN || !is_tcp(sk))
		return false;
	if (answer) {
		if (state == TCP_CLOSE)
			amend_answer(sk, reason);
		return false;
	}
	entry = state == TCP_CLOSE ? ledger_find(sk) : ledger_open(sk, false);
	if (!entry)
		return false;
	entry->handled = event;
	if (reason >= 0)
		entry->closure.rst_reason = reason;
	if (state != TCP_CLOSE) {
		entry->closure.facts |= CW_FACT(CW_FACT_RST_BEFORE);
		return true;
	}
	entry->closure.facts |= CW_FACT(CW_FACT_RST_AFTER);
	if (entry->stage == STAGE_ENDED)
		record_closure(entry);
	return true;
}

/* tp tcp_receive_reset: first line of tcp_reset(): a RST came in, or data came after close. */
static __always_inline bool handle_receive_reset(struct sock *sk, __u16 event)
{
	struct ledger_entry *entry;

	if (sk->__sk_common.skc_state == TCP_CLOSE)
		return false;
	entry = ledger_open(sk, false);
	if (!entry)
		return false;
	entry->handled = event;
	entry->closure.facts |= CW_FACT(CW_FACT_RESET_CALLED);
	return true;
}

/* Who closes the socket at last; false where that is a worker, for nobody knows whom. */
static __always_inline bool amend_closer(struct cw_amendment *amendment, struct sock *sk,
					 struct tcp_sock *tcp)
{
	bool subflow = mptcp_is_subflow(tcp);
	struct mptcp_owner *owner = subflow ? mptcp_owner_of(tcp) : NULL;
	__s32 exit_code = 0;
	__u8 flags = identity_closer_flags(&exit_code);

	if (owner && (owner->closer_flags & CW_CLOSER_CLOSED)) {
		amendment->closer_flags |= owner->closer_flags;
		amendment->process = owner->process;
	} else if (subflow && (flags & CW_CLOSER_KTHREAD)) {
		return false;
	} else {
		amendment->closer_flags |= flags;
		identity_of_current(&amendment->process);
	}
	amendment->role = CW_ROLE_CLOSER;
	return true;
}

/* The descriptor of an ended connection is closed at last: what was not read by now is lost. */
static __always_inline void amend_late_close(struct ledger_entry *entry, struct sock *sk)
{
	struct cw_amendment amendment = {};
	struct tcp_sock *tcp = compat_tcp_sock(sk);

	if (!tcp)
		return;
	amendment.unread = snapshot_unread(sk, tcp);
	if (!amendment.unread && entry->closure.role != CW_ROLE_NONE)
		return;
	amendment.header.id = entry->closure.header.id;
	amendment.header.cpu = entry->closure.header.cpu;
	amendment.rst_reason = -1;
	amendment.closer_flags = CW_CLOSER_CLOSED;
	if (entry->closure.role == CW_ROLE_NONE && !amend_closer(&amendment, sk, tcp) && !amendment.unread)
		return;
	if (cw_totals_kept && amendment.unread)
		__sync_fetch_and_add(&totals_of(&entry->closure.process)->unread, amendment.unread);
	record_amendment(&amendment);
}

/*
 * A program that is interrupted by itself on one CPU is not run a second time (recursion protection
 * of tracing programs), so a switch to CLOSE can go unseen. The release of the socket shows it.
 */
static __always_inline void recover_end(void *ctx, struct ledger_entry *entry, struct sock *sk)
{
	struct tcp_sock *tcp = compat_tcp_sock(sk);
	int state = entry->state;

	if (!tcp || sk->__sk_common.skc_state != TCP_CLOSE)
		return;
	if (!tcp->inet_conn.icsk_inet.inet_sport) /* never used: the entry is of one before it */
		return;
	if (state == TCP_FIN_WAIT1 && tcp->snd_una == tcp->write_seq) /* see says_nothing() */
		state = TCP_FIN_WAIT2;
	COUNT(ends_recovered);
	entry->closure.facts |= CW_FACT(CW_FACT_RECOVERED);
	end_connection(ctx, entry, sk, tcp, state);
	if (!sk->__sk_common.skc_dport) { /* tcp_disconnect() came first, and made other numbers of them */
		entry->closure.never_sent = 0;
		entry->closure.unacked = 0;
		entry->closure.sent = entry->closure.received = state == TCP_SYN_SENT ? 0 : CW_UNKNOWN;
	}
}

/*
 * tp tcp_destroy_sock: the socket is released; what waited for it is complete. `recover`: an end that
 * went unseen as well.
 */
static __always_inline bool handle_destroy_sock(void *ctx, struct sock *sk, bool recover)
{
	struct ledger_entry *entry;

	entry = ledger_find(sk);
	if (!entry)
		return false;
	if (recover && entry->stage == STAGE_OPEN && entry->state)
		recover_end(ctx, entry, sk);
	if (entry->stage == STAGE_ENDED)
		record_closure(entry);
	else if (entry->stage == STAGE_RECORDED && entry->carried &&
		 (entry->closure.facts & CW_FACT(CW_FACT_FD_OPEN)) &&
		 !(entry->closure.facts & CW_FACT(CW_FACT_DISCONNECT)))
		amend_late_close(entry, sk);
	ledger_drop(sk);
	return true;
}

/* tp tcp_rcv_space_adjust: the current task has read from the socket. Hot: once per recv(). */
static __always_inline void handle_read(struct sock *sk)
{
	struct ledger_entry *entry;
	int state;

	if (!is_tcp(sk) || !identity_usable(sk))
		return;
	entry = ledger_find(sk);
	if (entry && entry->closure.role == CW_ROLE_USER &&
	    entry->closure.process.tid == (__u32)bpf_get_current_pid_tgid())
		return;
	state = sk->__sk_common.skc_state;
	if (!entry && state != TCP_CLOSE)
		entry = ledger_open(sk, state == TCP_SYN_RECV); /* TCP Fast Open: read before ESTABLISHED */
	if (entry && entry->stage == STAGE_OPEN)
		identity_note(entry, CW_ROLE_USER);
}

/* ---- again ---- */

/*
 * The kernel leaves a program out while a run of it is interrupted on the same CPU, and since 7.0 such
 * a run can also be preempted (README.md, "What can go unseen"). So a hook on which an end depends has
 * further programs, run one after the other: the first that is run does the work.
 */
enum turn {
	TURN_FIRST,
	TURN_AGAIN,
};

enum event_kind {
	EVENT_SET_STATE = 1,
	EVENT_SEND_RESET,
	EVENT_RECEIVE_RESET,
	EVENT_DESTROY_SOCK,
};

#define EVENT(kind, old, next) ((__u16)((kind) << 8 | (old) << 4 | (next)))

/*
 * What a program handled last on this CPU: tells the next one, without a look into the ledger, that
 * there is nothing left to do. While the first program is active it is clear, or names what another has
 * handled in its stead; so it never names an event that nobody has. Where something came in between,
 * the entry tells (`handled`): an event of a socket never follows its like.
 */
struct last_event {
	volatile __u64 sk;
	volatile __u64 event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct last_event);
} last_events SEC(".maps");

/* Is the work this program's to do? */
static __always_inline bool begin_turn(struct last_event *last, struct sock *sk, enum turn turn, __u16 event)
{
	struct ledger_entry *entry;

	if (turn == TURN_FIRST) {
		last->sk = 0;
		return true;
	}
	if (last->sk == (__u64)sk && last->event == event)
		return false;
	entry = ledger_find(sk);
	return !entry || entry->handled != event;
}

/* `changed`: the ledger had something to note. */
static __always_inline void end_turn(struct last_event *last, struct sock *sk, enum turn turn, __u16 event,
				     bool changed)
{
	last->event = event;
	last->sk = (__u64)sk;
	if (turn != TURN_FIRST && changed)
		COUNT(runs_made_up);
}

static __always_inline struct last_event *last_event(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&last_events, &only);
}

static __always_inline void turn_set_state(void *ctx, struct sock *sk, int old, int next, enum turn turn)
{
	__u16 event = EVENT(EVENT_SET_STATE, old, next);
	struct last_event *last;

	/* tcp_time_wait() copies the cookie to the mini-socket before it ends the connection */
	if (cw_timewait_cookies && next == TCP_FIN_WAIT2 && !cookie_of(sk))
		bpf_get_socket_cookie(sk);
	if (says_nothing(sk, old, next))
		return;
	if (!is_tcp(sk)) {
		if (sk->sk_protocol == IPPROTO_MPTCP_NUMBER) /* the same in each turn */
			mptcp_handle_state(ctx, sk, old, next);
		return;
	}
	last = last_event();
	if (!last || !begin_turn(last, sk, turn, event))
		return;
	if (turn != TURN_FIRST && next == TCP_CLOSE && old != TCP_SYN_RECV && SOCKET_FLAG(sk, SOCK_DEAD) &&
	    !ledger_find(sk))
		return; /* the first program has recorded it and dropped its entry */
	end_turn(last, sk, turn, event, handle_set_state(ctx, sk, old, next, event));
}

static __always_inline void turn_send_reset(struct sock *sk, bool answer, int reason, enum turn turn)
{
	__u16 event = EVENT(EVENT_SEND_RESET, 0, answer);
	struct last_event *last = last_event();

	if (!last)
		return;
	if (!sk || !is_full(sk)) {
		if (turn == TURN_FIRST)
			handle_send_reset(sk, answer, reason, event);
		return;
	}
	if (begin_turn(last, sk, turn, event))
		end_turn(last, sk, turn, event, handle_send_reset(sk, answer, reason, event));
}

static __always_inline void turn_receive_reset(struct sock *sk, enum turn turn)
{
	__u16 event = EVENT(EVENT_RECEIVE_RESET, 0, 0);
	struct last_event *last = last_event();

	if (last && is_tcp(sk) && begin_turn(last, sk, turn, event))
		end_turn(last, sk, turn, event, handle_receive_reset(sk, event));
}

static __always_inline void turn_destroy_sock(void *ctx, struct sock *sk, enum turn turn)
{
	__u16 event = EVENT(EVENT_DESTROY_SOCK, 0, 0);
	struct last_event *last = last_event();

	/* to recover an end here again would only cost the verifier's time */
	if (last && is_tcp(sk) && begin_turn(last, sk, turn, event))
		end_turn(last, sk, turn, event, handle_destroy_sock(ctx, sk, turn == TURN_FIRST));
}

/* ---- full set ---- */

/*
 * fexit inet_csk_accept: the child is the caller's from now on. It is not locked, and another CPU may be
 * about to establish or to end it: an entry made here could be a second one of the same socket.
 */
static __always_inline void handle_accept(void *ctx, struct sock *child)
{
	struct ledger_entry *entry;
	struct tcp_sock *tcp;
	__u64 mptcp;

	if (!child || !is_tcp(child))
		return;
	entry = ledger_find(child);
	if (entry)
		identity_note(entry, CW_ROLE_ACCEPTOR);
	tcp = compat_tcp_sock(child);
	mptcp = tcp && mptcp_is_subflow(tcp) ? (__u64)compat_mptcp_sock(tcp) : 0;
	if (mptcp)
		mptcp_note_owner(ctx, mptcp, CW_ROLE_ACCEPTOR);
}

/* fentry tcp_close: not locked yet; only the time is taken. */
static __always_inline void handle_close_called(struct sock *sk)
{
	struct ledger_entry *entry = is_tcp(sk) ? ledger_find(sk) : NULL;

	if (entry)
		entry->called_ns = bpf_ktime_get_boot_ns();
}

/*
 * fentry __tcp_close: locked; also reached by MPTCP subflows, which do not pass tcp_close(). That call says
 * nothing of how long close() of the MPTCP socket blocks.
 */
static __always_inline void handle_close_begins(void *ctx, struct sock *sk)
{
	int state = sk->__sk_common.skc_state;
	struct ledger_entry *entry;
	struct tcp_sock *tcp;

	if (!is_tcp(sk) || state == TCP_LISTEN)
		return;
	entry = state == TCP_CLOSE ? ledger_find(sk) : ledger_open(sk, false);
	if (!entry)
		return;
	entry->closing = 1;
	entry->close_jiffies = (__u32)bpf_jiffies64();
	tcp = compat_tcp_sock(sk);
	if (tcp && mptcp_is_subflow(tcp)) {
		if (state != TCP_CLOSE)
			mptcp_note_fin(entry, sk, tcp, state);
		return;
	}
	if (!entry->called_ns)
		entry->called_ns = bpf_ktime_get_boot_ns();
	if (state != TCP_CLOSE)
		note_close(ctx, entry, state);
}

/* fexit __tcp_close: the caller is about to return. */
static __always_inline void handle_close_ends(struct sock *sk)
{
	struct ledger_entry *entry = is_tcp(sk) ? ledger_find(sk) : NULL;

	if (!entry || !entry->closing)
		return;
	entry->closing = 0;
	if (entry->stage == STAGE_OPEN && entry->called_ns)
		entry->closure.blocked_ns = bpf_ktime_get_boot_ns() - entry->called_ns;
}

/* fexit sk_stream_wait_close: SO_LINGER was waited for; still closing means it ended without success. */
static __always_inline void handle_linger_ends(struct sock *sk)
{
	struct ledger_entry *entry = is_tcp(sk) ? ledger_find(sk) : NULL;

	if (entry && entry->stage == STAGE_OPEN && linger_waits_in(sk->__sk_common.skc_state) &&
	    (entry->closure.facts & CW_FACT(CW_FACT_LINGER_WAIT)) && !entry->closure.linger_ns) {
		note_linger_left(entry, sk);
		entry->closure.linger_ns = bpf_ktime_get_boot_ns() - entry->closure.close_ns;
	}
}

/* fentry tcp_send_fin: write_seq is the end of application data; in SYN_RECV (TFO) also in softirq. */
static __always_inline void handle_send_fin(struct sock *sk)
{
	struct ledger_entry *entry = is_tcp(sk) ? ledger_find(sk) : NULL;
	struct tcp_sock *tcp;

	if (!entry || entry->fin_known)
		return;
	tcp = compat_tcp_sock(sk);
	if (!tcp)
		return;
	entry->fin_sequence = tcp->write_seq;
	entry->fin_known = 1;
}

/* fentry tcp_send_active_reset: the reason is known even where the RST then cannot be sent. */
static __always_inline void handle_active_reset(struct sock *sk, int reason)
{
	struct ledger_entry *entry = is_tcp(sk) ? ledger_find(sk) : NULL;

	if (entry && reason >= 0)
		entry->closure.rst_reason = reason;
}

/* fentry tcp_reset: tells a RST from data after close. Only the first segment counts. */
static __always_inline void handle_reset_segment(struct sock *sk, struct sk_buff *skb)
{
	struct ledger_entry *entry;

	if (!is_tcp(sk) || !skb || sk->__sk_common.skc_state == TCP_CLOSE)
		return;
	entry = ledger_open(sk, false);
	if (entry)
		entry->closure.facts |=
		    compat_segment_is_rst(skb) ? CW_FACT(CW_FACT_RST_IN) : CW_FACT(CW_FACT_NO_RST_IN);
}

/*
 * fentry tcp_abort: SOCK_DESTROY (ss -K) or bpf_sock_destroy(). Not locked yet, so that no entry is made
 * (see handle_accept): a socket from before the start gets one at its end, which notes the actor too.
 */
static __always_inline void handle_abort_begins(void *ctx, struct sock *sk)
{
	struct ledger_entry *entry;

	if (!is_full(sk) || sk->__sk_common.skc_state == TCP_LISTEN || sk->__sk_common.skc_state == TCP_CLOSE)
		return;
	entry = ledger_find(sk);
	if (!entry)
		return;
	entry->aborting = 1;
	identity_of_current(&entry->closure.actor);
	stack_note(ctx, &entry->closure);
	entry->closure.facts |= CW_FACT(CW_FACT_ABORTED_BY_OTHER);
}

/* fexit tcp_abort: on 5.10 an orphan survives it, without its queue and without a timer. */
static __always_inline void handle_abort_ends(void *ctx, struct sock *sk)
{
	struct ledger_entry *entry;
	struct tcp_sock *tcp;
	int state;

	if (!is_full(sk))
		return;
	state = sk->__sk_common.skc_state;
	entry = ledger_find(sk);
	if (!entry || !entry->aborting)
		return;
	entry->aborting = 0;
	tcp = compat_tcp_sock(sk);
	if (!tcp || state == TCP_CLOSE || !SOCKET_FLAG(sk, SOCK_DEAD) || entry->stage != STAGE_OPEN)
		return;
	entry->closure.facts |= CW_FACT(CW_FACT_STUCK_ORPHAN);
	end_connection(ctx, entry, sk, tcp, state);
	record_closure(entry);
}

/* fexit inet_twsk_alloc: the rest of the connection belongs to a mini-socket (NULL: no bucket). */
static __always_inline void handle_timewait_alloc(const struct sock *sk, int state, __u64 timewait)
{
	struct ledger_entry *entry = ledger_find((struct sock *)sk);

	if (!entry)
		return;
	entry->timewait_seen = 1;
	entry->closure.facts |= CW_FACT(CW_FACT_TIMEWAIT);
	if (state == TCP_FIN_WAIT2)
		entry->awaited = timewait;
}

/* fexit tcp_timewait_state_process: TCP_TW_RST (1) answers data; the peer's FIN moves on to TIME_WAIT. */
static __always_inline void handle_timewait_segment(struct inet_timewait_sock *timewait, int verdict)
{
	__u64 key = (__u64)timewait;

	if (verdict == 1)
		amend_awaited(key, 0, CW_LATE_DATA, -1);
	else if (timewait->tw_substate == TCP_TIME_WAIT)
		bpf_map_delete_elem(&awaited, &key);
}

/* fentry inet_twsk_kill: the end of the mini-socket; in FIN_WAIT2 the peer never finished. */
static __always_inline void handle_timewait_end(struct inet_timewait_sock *timewait)
{
	if (timewait->tw_substate == TCP_FIN_WAIT2)
		amend_awaited((__u64)timewait, 0, CW_FACT(CW_FACT_PEER_NEVER_CLOSED), -1);
}

#endif
