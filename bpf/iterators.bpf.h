/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What existed before the hooks: who holds which socket (iter/task_file, once at the start); the
 * closures that still run in the background (iter/tcp, on request; sockets of the reader's namespace);
 * what the ledger holds (for the account).
 */
#ifndef CLOSEWATCH_ITERATORS_BPF_H
#define CLOSEWATCH_ITERATORS_BPF_H

#include "identity.bpf.h"
#include "ledger.bpf.h"
#include "snapshot.bpf.h"
#include "filter.bpf.h"

__u64 cw_ledger_open = 0; /* connections in the ledger that have not ended; zeroed by the reader */

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define CGROUP_DEPTH 16 /* levels that are looked at for the cgroup filter */

static __always_inline __u64 holder_in_cgroup(struct cgroup *cgroup)
{
	struct cgroup_subsys_state *css;

	if (!cw_filter.cgroup_id)
		return 1;
	css = &cgroup->self;
	for (int level = 0; level < CGROUP_DEPTH && css; level++) {
		if (css->cgroup->kn->id == cw_filter.cgroup_id)
			return 1;
		css = css->parent;
	}
	return 0;
}

static __always_inline void handle_holder(struct task_struct *task, struct file *file)
{
	struct holder holder = {};
	struct cgroup *cgroup;
	__u64 inode;

	if ((file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return;
	inode = file->f_inode->i_ino;
	cgroup = task->cgroups->dfl_cgrp;
	identity_of(&holder.task, task);
	holder.in_cgroup = holder_in_cgroup(cgroup);
	if (bpf_map_update_elem(&holders, &inode, &holder, BPF_ANY))
		COUNT(holders_refused);
}

/* An orphan that still has something to settle with its peer. */
static __always_inline void handle_pending(struct seq_file *seq, struct sock_common *common)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(common);
	struct cw_pending pending = {};
	struct ledger_entry *entry;
	struct sock *sk;
	int state;

	if (!tcp)
		return;
	sk = (struct sock *)tcp;
	state = sk->__sk_common.skc_state;
	if (!SOCKET_FLAG(sk, SOCK_DEAD) || state == TCP_CLOSE)
		return;
	pending.now_ns = bpf_ktime_get_boot_ns();
	pending.state = (__u8)state;
	pending.family = (__u8)sk->__sk_common.skc_family;
	snapshot_address(pending.local, sk, false);
	snapshot_address(pending.peer, sk, true);
	pending.local_port = bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport);
	pending.peer_port = bpf_ntohs(sk->__sk_common.skc_dport);
	pending.netns = sk->__sk_common.skc_net.net->ns.inum;
	pending.never_sent = tcp->write_seq - tcp->snd_nxt;
	pending.unacked = tcp->snd_nxt - tcp->snd_una;
	/* the FIN of an orphan is queued: the last number that is not acknowledged */
	if (pending.never_sent)
		pending.never_sent--;
	else if (pending.unacked)
		pending.unacked--;
	entry = ledger_find(sk);
	if (entry) {
		pending.process = entry->closure.process;
		pending.role = entry->closure.role;
		pending.close_ns = entry->closure.close_ns;
	}
	bpf_seq_write(seq, &pending, sizeof(pending));
}

static __always_inline bool is_in_progress(const struct ledger_entry *entry)
{
	return entry->stage == STAGE_OPEN || entry->stage == STAGE_ENDED;
}

/*
 * No hook saw the connection of this entry end, nor its socket released, and yet it is over. The address
 * leads to its socket; to the memory of that one, which keeps what the end wrote into it
 * (SLAB_TYPESAFE_BY_RCU); to another TCP socket; or to something else, if the whole page was given away. An
 * open one is none in CLOSE, but for one that connect() is about to take out of it: then a process owns the
 * lock, from before the entry was made until the state is written. So the lock is looked at before the state,
 * and the stage once more after it: at an end that is seen it changes before the state does.
 */
static __always_inline bool ended_unseen(const struct ledger_entry *entry, __u64 address)
{
#ifdef CW_READ_CAST
	struct sock *sk = COMPAT_TO_READ(struct sock, (void *)address);
	volatile int *owned = &sk->sk_lock.owned;
	volatile const __u8 *stage = &entry->stage;
	int state;

	if (*stage != STAGE_OPEN)
		return false;
	if (sk->sk_protocol != IPPROTO_TCP_NUMBER ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return true;
	if (*owned)
		return false;
	state = sk->__sk_common.skc_state;
	return (state == TCP_CLOSE || state == TCP_LISTEN) && *stage == STAGE_OPEN;
#else
	return false;
#endif
}

static __always_inline void count_open(void)
{
	__sync_fetch_and_add(&cw_ledger_open, 1);
}

static long visit_entry(struct bpf_map *map, const __u64 *sk, const struct ledger_entry *entry, void *none)
{
	if (is_in_progress(entry) && !ended_unseen(entry, *sk))
		count_open();
	return 0;
}

static long visit_place(struct bpf_map *map, const __u32 *index, const struct ledger_place *place, void *none)
{
	if (is_in_progress(&place->entry) && !ended_unseen(&place->entry, place->sk))
		count_open();
	return 0;
}

/* The whole ledger. bpf_for_each_map_elem(): from v5.13. */
static __always_inline void handle_ledger(void)
{
	volatile __u64 *behind = &cw_ledger_behind;

	bpf_for_each_map_elem(&ledger_places, visit_place, NULL, 0);
	if (*behind)
		bpf_for_each_map_elem(&ledger, visit_entry, NULL, 0);
}

#endif
