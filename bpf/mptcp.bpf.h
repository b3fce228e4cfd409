/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose an MPTCP socket is. Its subflows are TCP sockets of the kernel: most are opened and closed by a
 * worker, on behalf of the process that has the MPTCP socket and that the worker knows nothing of. What that
 * process did is seen at the changes of state of the MPTCP socket (mptcp/protocol.c, 5.10 to 7.2), of which
 * nothing else is read: it is no tcp_sock.
 */
#ifndef CLOSEWATCH_MPTCP_BPF_H
#define CLOSEWATCH_MPTCP_BPF_H

#include "snapshot.bpf.h"
#include "stack.bpf.h"

struct mptcp_owner {
	struct cw_task process;
	__u64 close_ns; /* the last reference was released; 0 not */
	__s32 exit_code;
	__s32 stack_kernel;
	__s32 stack_user;
	__u8 role;	   /* enum cw_role of `process` */
	__u8 closer_flags; /* enum cw_closer_flags */
	__u8 in_cgroup;
	__u8 unread_told; /* what the MPTCP socket had not read is told with a subflow */
};

/*
 * By the address of the MPTCP socket, and of one that is closed or shut down also by the thread that does so.
 * Inserted: its connect(), accept() (full hooks), shutdown() and close(). Deleted: when a socket begins at
 * that address, when the thread ends one that nobody had accepted, or by age (LRU), as no hook sees the
 * release of an MPTCP socket.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct mptcp_owner);
} mptcp_owners SEC(".maps");

static __always_inline bool mptcp_is_subflow(struct tcp_sock *tcp)
{
	return bpf_core_field_exists(tcp->is_mptcp) && tcp->is_mptcp &&
	       tcp->inet_conn.icsk_ulp_ops; /* else tcp_cleanup_ulp() has freed the subflow's context */
}

/*
 * The current task acts on the subflow in close() or shutdown() of the MPTCP socket itself. close() takes
 * the struct socket off a subflow that it then resets (__mptcp_close()).
 */
static __always_inline struct mptcp_owner *mptcp_current_owner(struct sock *sk)
{
	__u64 thread = bpf_get_current_pid_tgid();

	if (!identity_usable(sk) || (compat_socket(sk) && !snapshot_releasing(sk)))
		return NULL;
	return bpf_map_lookup_elem(&mptcp_owners, &thread);
}

static __always_inline struct mptcp_owner *mptcp_owner_of(struct tcp_sock *tcp)
{
	__u64 key = (__u64)compat_mptcp_sock(tcp);

	return key ? bpf_map_lookup_elem(&mptcp_owners, &key) : NULL;
}

/* What the MPTCP socket received in order and nobody read: it has left the subflows. */
static __always_inline __u32 mptcp_unread(struct tcp_sock *tcp)
{
	struct mptcp_sock *mptcp = compat_mptcp_sock(tcp);
	struct sk_buff_head *first, *last;
	unsigned char *begin, *end;

	if (!mptcp)
		return 0;
	first = compat_mptcp_queue(mptcp, true);
	last = compat_mptcp_queue(mptcp, false);
	if (!first->qlen || !last->qlen)
		return 0;
	begin = (unsigned char *)first->next->cb + bpf_core_field_offset(struct mptcp_skb_cb, map_seq);
	end = (unsigned char *)last->prev->cb + bpf_core_field_offset(struct mptcp_skb_cb, end_seq);
	return (__u32)(*(__u64 *)end - *(__u64 *)begin);
}

/* The current task is the owner in this role from now on. */
static __always_inline void mptcp_note_owner(void *ctx, __u64 key, enum cw_role role)
{
	struct mptcp_owner owner = {
	    .stack_kernel = CW_STACK_NONE,
	    .stack_user = CW_STACK_NONE,
	    .role = role,
	};
	__u8 flags = identity_closer_flags(&owner.exit_code);

	if (flags & CW_CLOSER_KTHREAD)
		return;
	identity_of_current(&owner.process);
	owner.in_cgroup = filter_current_in_cgroup();
	if (role == CW_ROLE_CLOSER) {
		owner.closer_flags = flags | CW_CLOSER_CLOSED;
		owner.close_ns = bpf_ktime_get_boot_ns();
	} else if (role == CW_ROLE_USER) {
		owner.closer_flags = CW_CLOSER_SHUTDOWN;
	}
	if (owner.closer_flags)
		stack_take(ctx, &owner.stack_kernel, &owner.stack_user);
	bpf_map_update_elem(&mptcp_owners, &key, &owner, BPF_ANY);
	if (!owner.closer_flags)
		return;
	key = bpf_get_current_pid_tgid();
	bpf_map_update_elem(&mptcp_owners, &key, &owner, BPF_ANY);
}

/* The MPTCP socket changes its state: connect(), shutdown() or close() by a process that holds its lock. */
static __always_inline void mptcp_handle_state(void *ctx, struct sock *sk, int old, int next)
{
	__u64 key = (__u64)sk;
	struct mptcp_owner *owner;
	bool released;

	/* it begins: mptcp_sk_clone_init(), in softirq, or connect() */
	if (next == TCP_SYN_SENT || (next == TCP_ESTABLISHED && old != TCP_SYN_SENT))
		bpf_map_delete_elem(&mptcp_owners, &key);
	if (!identity_usable(sk))
		return;
	if (next == TCP_SYN_SENT) {
		mptcp_note_owner(ctx, key, CW_ROLE_OPENER);
		return;
	}
	released = snapshot_releasing(sk);
	if (!released && next != TCP_FIN_WAIT1 && next != TCP_LAST_ACK) {
		key = bpf_get_current_pid_tgid();
		if (!compat_socket(sk)) /* never accepted */
			bpf_map_delete_elem(&mptcp_owners, &key);
		return;
	}
	owner = bpf_map_lookup_elem(&mptcp_owners, &key);
	if (!owner || !(owner->closer_flags & CW_CLOSER_CLOSED))
		mptcp_note_owner(ctx, key, released ? CW_ROLE_CLOSER : CW_ROLE_USER);
}

/* A further subflow: a worker opens it for the owner of the MPTCP socket (__mptcp_subflow_connect()). */
static __always_inline bool mptcp_opened_by_worker(struct sock *sk)
{
	struct tcp_sock *tcp = compat_tcp_sock(sk);
	__s32 exit_code;

	return tcp && mptcp_is_subflow(tcp) && (identity_closer_flags(&exit_code) & CW_CLOSER_KTHREAD);
}

/* What the owner did to the MPTCP socket holds for its subflow, whose state is `state`. */
static __always_inline void mptcp_adopt(struct ledger_entry *entry, struct mptcp_owner *owner, int state)
{
	struct cw_closure *closure = &entry->closure;

	if (!owner || owner->role <= closure->role)
		return;
	closure->process = owner->process;
	closure->role = owner->role;
	entry->in_cgroup = owner->in_cgroup;
	if (!owner->closer_flags)
		return;
	closure->closer_flags |= owner->closer_flags;
	closure->exit_code = owner->exit_code;
	closure->stack_kernel = owner->stack_kernel;
	closure->stack_user = owner->stack_user;
	if (!closure->close_ns)
		closure->close_ns = owner->close_ns;
	if (!closure->state_at_close)
		closure->state_at_close = (__u8)state;
}

/*
 * With the first subflow that goes in close() of the MPTCP socket. Once: of a socket that fell back to TCP
 * the subflow sends a FIN all the same, else it is reset.
 */
static __always_inline void mptcp_tell_unread(struct ledger_entry *entry, struct mptcp_owner *current,
					      struct tcp_sock *tcp)
{
	if (!current || !(current->closer_flags & CW_CLOSER_CLOSED) || current->unread_told)
		return;
	current->unread_told = 1;
	entry->closure.unread = mptcp_unread(tcp);
}

/* The subflow sends its FIN. If not for its owner, then the kernel gives it up: an address is gone. */
static __always_inline void mptcp_note_fin(struct ledger_entry *entry, struct sock *sk, struct tcp_sock *tcp,
					   int state)
{
	struct cw_closure *closure = &entry->closure;
	struct mptcp_owner *current = mptcp_current_owner(sk);

	mptcp_adopt(entry, mptcp_owner_of(tcp), state);
	mptcp_adopt(entry, current, state);
	mptcp_tell_unread(entry, current, tcp);
	if (closure->closer_flags & (CW_CLOSER_CLOSED | CW_CLOSER_SHUTDOWN))
		return;
	closure->closer_flags |= CW_CLOSER_CLOSED | CW_CLOSER_KTHREAD;
	closure->close_ns = bpf_ktime_get_boot_ns();
	closure->state_at_close = (__u8)state;
}

/* The subflow ends. Where our RST came first, that may be in close() of the MPTCP socket. */
static __always_inline void mptcp_note_end(struct ledger_entry *entry, struct sock *sk, struct tcp_sock *tcp,
					   int state)
{
	struct cw_closure *closure = &entry->closure;
	struct mptcp_owner *current = NULL;

	mptcp_adopt(entry, mptcp_owner_of(tcp), state);
	if (closure->facts & CW_FACT(CW_FACT_RST_BEFORE))
		current = mptcp_current_owner(sk);
	mptcp_adopt(entry, current, state);
	if (current && (current->closer_flags & CW_CLOSER_CLOSED))
		closure->facts |= CW_FACT(CW_FACT_IN_CLOSE);
	mptcp_tell_unread(entry, current, tcp);
}

#endif
