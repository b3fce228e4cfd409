/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger: one entry per socket, in which the facts gather while the socket lives. Keyed by the
 * socket's address, which costs less than socket storage (README.md, "The ledger").
 *
 * Entries are written under the socket lock, but for `called_ns`.
 */
#ifndef CLOSEWATCH_LEDGER_BPF_H
#define CLOSEWATCH_LEDGER_BPF_H

#include "compat.bpf.h"
#include "counters.bpf.h"

enum ledger_stage {
	STAGE_NONE = 0,	 /* no entry: a free place */
	STAGE_OPEN,	 /* counted as begun, not ended yet */
	STAGE_ENDED,	 /* snapshot taken; the RST or the destruction that must follow completes it */
	STAGE_RECORDED,	 /* given out or filtered; later facts are amendments */
	STAGE_LISTENING, /* no connection */
};

struct ledger_entry {
	struct cw_closure closure;
	__u64 called_ns;     /* tcp_close() was called, 0 not */
	__u64 acked_start;   /* bytes_acked when the connection was established */
	__u64 awaited;	     /* key in the map of that name under which more may come to light, 0 none */
	__u32 fin_sequence;  /* write_seq before our FIN: the end of application data */
	__u32 close_jiffies; /* when __tcp_close() began, or a linger wait */
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
 * The table behind the places. Inserted: ledger_create(). Deleted: ledger_drop().
 * Its size is set before the load.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct ledger_entry);
} ledger SEC(".maps");

/*
 * One place for each hash of an address: a socket that finds it free keeps its entry there, where making,
 * finding and dropping it cost a few instructions; another one's goes to the table. Free: `claims` is 0.
 */
struct ledger_place {
	struct ledger_entry entry; /* first, as in the table: one iterator walks both */
	__u64 sk;		   /* whose it is; 0 nobody's */
	__u64 claims;		   /* of sockets that want it; one at a time has it */
};

#define LEDGER_PLACES_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << LEDGER_PLACES_BITS);
	__type(key, __u32);
	__type(value, struct ledger_place);
} ledger_places SEC(".maps");

__u64 cw_ledger_behind = 0; /* at least so many entries are in the table */

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
    .stage = STAGE_OPEN,
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

/*
 * The verifier computes with no pointer but for the distance between two, which is a number; that of the
 * socket to the first place names it as well.
 */
static __always_inline struct ledger_place *ledger_place_of(struct sock *sk)
{
	__u64 distance = (__u64)sk;
	__u32 index = 0;
	struct ledger_place *first = bpf_map_lookup_elem(&ledger_places, &index);

	if (!first)
		return NULL;
	asm volatile("%0 -= %1" : "+r"(distance) : "r"(first));
	/* multiplicative hashing (Fibonacci); the lowest bits of all sockets are the same */
	index = (__u32)(((distance >> 6) * 0x9e3779b97f4a7c15ULL) >> (64 - LEDGER_PLACES_BITS));
	return bpf_map_lookup_elem(&ledger_places, &index);
}

static __always_inline struct ledger_entry *ledger_find(struct sock *sk)
{
	struct ledger_place *place = ledger_place_of(sk);
	volatile __u64 *behind = &cw_ledger_behind;
	__u64 key = (__u64)sk;

	if (place && place->sk == key)
		return &place->entry;
	return *behind ? bpf_map_lookup_elem(&ledger, &key) : NULL;
}

/* A socket met in mid-life was open before the start: whoever held its descriptor then is its holder. */
static __always_inline void ledger_adopt(struct ledger_entry *entry, struct sock *sk)
{
	struct socket *socket = compat_socket(sk);
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

/*
 * The namespace is read when the entry is made: beside its number is the count of its users, which each new
 * socket adds to. The line is this CPU's then, and later another's.
 */
static __always_inline void ledger_note_netns(struct ledger_entry *entry, struct sock *sk)
{
	entry->closure.netns = COMPAT_TO_READ(struct sock, sk)->__sk_common.skc_net.net->ns.inum;
}

/* The socket begins a new life. */
static __always_inline void ledger_reset(struct ledger_entry *entry, struct sock *sk)
{
	*entry = ledger_blank;
	ledger_note_netns(entry, sk);
}

/*
 * Takes the place for the socket if it is free. Of several that add a claim at once at most one sees its
 * own alone, and whose claim is not alone withdraws it: it needs no more than 5.10 has (no compare and
 * exchange before 5.12).
 */
static __always_inline bool ledger_claim(struct ledger_place *place, struct sock *sk)
{
	volatile __u64 *claims = &place->claims;

	if (*claims)
		return false;
	__sync_fetch_and_add(&place->claims, 1);
	if (*claims != 1) {
		__sync_fetch_and_add(&place->claims, -1);
		return false;
	}
	ledger_reset(&place->entry, sk);
	place->sk = (__u64)sk;
	return true;
}

/* The entry of a socket that has none. */
static __always_inline struct ledger_entry *ledger_create(struct sock *sk)
{
	struct ledger_place *place = ledger_place_of(sk);
	struct ledger_entry *entry;
	__u64 key = (__u64)sk;

	if (place && ledger_claim(place, sk))
		return &place->entry;
	__sync_fetch_and_add(&cw_ledger_behind, 1);
	if (!bpf_map_update_elem(&ledger, &key, &ledger_blank, BPF_NOEXIST)) {
		entry = bpf_map_lookup_elem(&ledger, &key);
		if (entry) {
			ledger_note_netns(entry, sk);
			return entry;
		}
	}
	__sync_fetch_and_add(&cw_ledger_behind, -1);
	COUNT(ledger_refused);
	return NULL;
}

/* Finds the entry of a connection or makes it; `born` says that the connection begins just now. */
static __always_inline struct ledger_entry *ledger_open(struct sock *sk, bool born)
{
	struct ledger_entry *entry = ledger_find(sk);

	if (!entry) {
		entry = ledger_create(sk);
		if (!entry)
			return NULL;
		COUNT(begun);
		if (!born)
			ledger_adopt(entry, sk);
	}
	entry->state = sk->__sk_common.skc_state;
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
	struct ledger_place *place = ledger_place_of(sk);
	volatile __u64 *behind = &cw_ledger_behind;
	__u64 key = (__u64)sk;

	if (place && place->sk == key) {
		place->entry.stage = STAGE_NONE;
		place->sk = 0;
		__sync_fetch_and_add(&place->claims, -1);
	} else if (*behind && !bpf_map_delete_elem(&ledger, &key)) {
		__sync_fetch_and_add(&cw_ledger_behind, -1);
	}
}

#endif
