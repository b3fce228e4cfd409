/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger: one entry per socket, in which the facts gather while the socket lives. Socket storage
 * where tracing programs may use it (freed with the socket), and a hash keyed by the socket's address
 * where they may not (5.10). No other file knows which.
 *
 * Entries are written under the socket lock, but for `called_ns`.
 */
#ifndef CLOSEWATCH_LEDGER_BPF_H
#define CLOSEWATCH_LEDGER_BPF_H

#include "compat.bpf.h"
#include "counters.bpf.h"

const volatile __u32 cw_use_storage = 1; /* 0: hash; set from BTF before the load */

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
	__u64 timewait;	    /* key of the timewait mini-socket, 0 none */
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
	__u16 handled; /* EVENT() that a program of its hook has just handled; 0 none */
};

/* Inserted: ledger_open(). Deleted: with the socket. Looked up: every handler. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ledger_entry);
} ledger_storage SEC(".maps");

/*
 * Inserted: ledger_open(). Deleted: ledger_drop(). LRU, because in base mode nothing tells that the
 * memory of a socket is reused: a dead entry must never keep a live one out.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct ledger_entry);
} ledger_hash SEC(".maps");

/* Zero-filled value for new hash entries (too large for the stack). */
static const struct ledger_entry ledger_blank;

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

	if (cw_use_storage)
		return bpf_sk_storage_get(&ledger_storage, sk, NULL, 0);
	return bpf_map_lookup_elem(&ledger_hash, &key);
}

static __always_inline void ledger_clear(struct ledger_entry *entry)
{
	__builtin_memset(entry, 0, sizeof(*entry));
	entry->closure.blocked_ns = CW_UNKNOWN;
	entry->closure.sent = CW_UNKNOWN;
	entry->closure.rst_reason = -1;
	entry->closure.stack_kernel = CW_STACK_NONE;
	entry->closure.stack_user = CW_STACK_NONE;
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

static __always_inline struct ledger_entry *ledger_create(struct sock *sk)
{
	struct ledger_entry *entry;
	__u64 key = (__u64)sk;

	if (cw_use_storage) {
		entry = bpf_sk_storage_get(&ledger_storage, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	} else {
		bpf_map_update_elem(&ledger_hash, &key, &ledger_blank, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&ledger_hash, &key);
	}
	if (!entry) {
		COUNT(ledger_refused);
		return NULL;
	}
	ledger_clear(entry);
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

	if (!cw_use_storage)
		bpf_map_delete_elem(&ledger_hash, &key);
}

#endif
