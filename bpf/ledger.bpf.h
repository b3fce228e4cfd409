/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger: one entry per socket, in which the facts gather while the socket lives. A hash keyed by
 * the socket's address, which costs less than socket storage (README.md, "The ledger").
 *
 * Entries are written under the socket lock, but for `called_ns`.
 */
#ifndef CLOSEWATCH_LEDGER_BPF_H
#define CLOSEWATCH_LEDGER_BPF_H

#include "compat.bpf.h"
#include "counters.bpf.h"

enum ledger_stage {
	STAGE_OPEN = 0,	 /* counted as begun, not ended yet */
	STAGE_ENDED,	 /* snapshot taken; the RST or the destruction that must follow completes it */
	STAGE_RECORDED,	 /* given out or filtered; later facts are amendments */
	STAGE_LISTENING, /* no connection */
};

struct ledger_entry {
	struct cw_closure closure;
	__u64 called_ns;    /* tcp_close() was called, 0 not */
	__u64 acked_start;  /* bytes_acked when the connection was established */
	__u64 awaited;	    /* key in the map of that name under which more may come to light, 0 none */
	__u32 fin_sequence; /* write_seq before our FIN: the end of application data */
	__u8 fin_known;
	__u8 stage;
	__u8 closing;	    /* between entry and exit of __tcp_close() */
	__u8 born;	    /* the start of the connection was seen */
	__u8 in_cgroup;	    /* process is in the filter's cgroup */
	__u8 timewait_seen; /* inet_twsk_alloc() was called for it */
	__u8 carried;	    /* the ring buffer took the record: it can be amended */
	__u8 aborting;	    /* inside tcp_abort() */
	__u8 state;	    /* the last that was seen; 0 none */
	__u8 _pad;
	__u16 handled; /* EVENT() that was handled last; 0 none */
};

/*
 * Inserted: ledger_create(), ledger_begin(). Deleted: when an orphan's end is recorded, when the socket
 * is released, or when a new one is met where it lay.
 * Its size is set before the load.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct ledger_entry);
} ledger SEC(".maps");

/* A new entry (too large for the stack). */
static const struct ledger_entry ledger_blank = {
    .closure =
	{
	    .blocked_ns = CW_UNKNOWN,
	    .sent = CW_UNKNOWN,
	    .rst_reason = -1,
	    .stack_kernel = CW_STACK_NONE,
	    .stack_user = CW_STACK_NONE,
	},
};

/* Processes that held a socket when observation began, by inode number of the descriptor. */
struct holder {
	struct cw_task task;
	__u64 in_cgroup;
};

/* Inserted: iter/task_file at the start. Deleted: never (inode numbers are not reused in practice). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct holder);
} holders SEC(".maps");

static __always_inline struct ledger_entry *ledger_find(struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&ledger, &key);
}

/* A socket met in mid-life was open before the start: whoever held its descriptor then is its holder. */
static __always_inline void ledger_adopt(struct ledger_entry *entry, struct sock *sk)
{
	struct socket *socket = sk->sk_socket;
	struct holder *holder;
	struct file *file;
	__u64 inode;

	entry->closure.facts |= CW_FACT(CW_FACT_BEFORE_START);
	if (!socket)
		return;
	file = socket->file;
	if (!file)
		return;
	inode = file->f_inode->i_ino;
	holder = bpf_map_lookup_elem(&holders, &inode);
	if (!holder)
		return;
	entry->closure.process = holder->task;
	entry->closure.role = CW_ROLE_HOLDER;
	entry->in_cgroup = (__u8)holder->in_cgroup;
}

/* A new entry, also in place of the one that the socket has. */
static __always_inline struct ledger_entry *ledger_create(struct sock *sk)
{
	struct ledger_entry *entry = NULL;
	__u64 key = (__u64)sk;

	if (!bpf_map_update_elem(&ledger, &key, &ledger_blank, BPF_ANY))
		entry = bpf_map_lookup_elem(&ledger, &key);
	if (!entry)
		COUNT(ledger_refused);
	return entry;
}

/* The entry of a socket that should have none yet; `*met`: it has one, and that is the answer. */
static __always_inline struct ledger_entry *ledger_begin(struct sock *sk, bool *met)
{
	struct ledger_entry *entry = NULL;
	__u64 key = (__u64)sk;
	/* 32 bits: up to 6.3 the helper says int, and the upper half of what it leaves is not the sign */
	int status = (int)bpf_map_update_elem(&ledger, &key, &ledger_blank, BPF_NOEXIST);

	*met = status == -EEXIST;
	if (!status || *met)
		entry = bpf_map_lookup_elem(&ledger, &key);
	if (!entry)
		COUNT(ledger_refused);
	return entry;
}

/* Finds the entry of a connection or makes it; `born` says that the connection begins just now. */
static __always_inline struct ledger_entry *ledger_open(struct sock *sk, bool born)
{
	struct ledger_entry *entry = ledger_find(sk);

	if (entry)
		return entry;
	entry = ledger_create(sk);
	if (!entry)
		return NULL;
	COUNT(begun);
	if (!born)
		ledger_adopt(entry, sk);
	return entry;
}

/* The entry of a listener, which is no connection. */
static __always_inline struct ledger_entry *ledger_open_listener(struct sock *sk)
{
	struct ledger_entry *entry = ledger_find(sk);

	if (entry)
		return entry;
	entry = ledger_create(sk);
	if (!entry)
		return NULL;
	entry->stage = STAGE_LISTENING;
	ledger_adopt(entry, sk);
	return entry;
}

static __always_inline void ledger_drop(struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&ledger, &key);
}

#endif
