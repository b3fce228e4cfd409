/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one way out: the filter first, then totals, then the ring buffer; every outcome is counted.
 * The reader is woken only when it said that it sleeps without a timer (cw_reader_waits): waking it
 * for each record is what makes such tools expensive.
 */
#ifndef CLOSEWATCH_EMIT_BPF_H
#define CLOSEWATCH_EMIT_BPF_H

#include "filter.bpf.h"
#include "ledger.bpf.h"
#include "stack.bpf.h"

/* Filled: record_closure(), record_amendment(). Drained: userspace. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} records SEC(".maps");

/*
 * Inserted: totals_of(). Full: folded into cw_totals_other. Deleted: never; userspace puts an empty
 * table in its place. bpf(2) returns from that when no program uses the old one any more
 * (maybe_wait_bpf_programs(), kernel/bpf/syscall.c), which is then read in peace.
 */
struct totals_table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CW_TOTALS_PLACES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cw_totals_key);
	__type(value, struct cw_totals);
} totals_first SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct totals_table);
} totals SEC(".maps") = {.values = {&totals_first}};

/*
 * Closures of which more may become known when their socket is gone: by the cookie (base set) or the
 * address (full set) of the timewait socket in which FIN_WAIT2 goes on, or by the address of a socket
 * that a RST answer may follow. Inserted: record_closure(). Deleted: when it came, at the end of the
 * timewait socket, or by age (LRU).
 */
struct closure_name {
	__u64 id;
	__u32 cpu;
	__u32 _pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct closure_name);
} awaited SEC(".maps");

const volatile __u32 cw_totals_kept = 0; /* 1: sum up per process */

struct cw_totals cw_totals_other = {}; /* closures of processes that the totals map had no room for */
__u64 cw_reader_waits = 0;	       /* set by the reader before it sleeps without a timer */

static __always_inline void wake_reader(void)
{
	volatile __u64 *waits = &cw_reader_waits;
	void *room;

	if (!*waits)
		return;
	*waits = 0;
	room = bpf_ringbuf_reserve(&records, sizeof(__u64), 0);
	if (room)
		bpf_ringbuf_discard(room, BPF_RB_FORCE_WAKEUP);
	COUNT(wakeups);
}

static __always_inline void add_totals(struct cw_totals *sum, const struct cw_closure *closure)
{
	__sync_fetch_and_add(&sum->closures, 1);
	if (closure->never_sent || closure->unacked)
		__sync_fetch_and_add(&sum->discarded, (__u64)closure->never_sent + closure->unacked);
	if (closure->unread)
		__sync_fetch_and_add(&sum->unread, closure->unread);
}

/* The totals of a process; those of "other" when there is no room for one more. */
static __always_inline struct cw_totals *totals_of(const struct cw_task *process)
{
	struct cw_totals_key key = {
	    .pid = process->pid,
	    .start_ns = process->start_ns,
	};
	struct cw_totals *sum = NULL;
	__u32 current = 0;
	void *table = bpf_map_lookup_elem(&totals, &current);

	if (table)
		sum = bpf_map_lookup_elem(table, &key);
	if (table && !sum) {
		struct cw_totals blank = {.uid = process->uid};

		__builtin_memcpy(blank.comm, process->comm, sizeof(blank.comm));
		if (!bpf_map_update_elem(table, &key, &blank, BPF_NOEXIST))
			COUNT(totals_places);
		sum = bpf_map_lookup_elem(table, &key);
	}
	return sum ? sum : &cw_totals_other;
}

static __always_inline struct cw_totals *count_totals(const struct cw_closure *closure)
{
	struct cw_totals *sum = totals_of(&closure->process);

	if (sum == &cw_totals_other)
		COUNT(totals_folded);
	add_totals(sum, closure);
	return sum;
}

static __always_inline void fill_header(struct cw_header *header, __u16 type, __u32 size)
{
	header->abi = CW_ABI_VERSION;
	header->type = type;
	header->size = size;
}

/*
 * The connection attempt never became a connection: not a closure, recorded on request. Established
 * at least once, or met in mid-life in a later state, is a connection.
 */
static __always_inline bool is_unestablished(const struct ledger_entry *entry)
{
	return entry->closure.final_state == TCP_SYN_SENT ||
	       (entry->closure.final_state == TCP_SYN_RECV && !entry->born);
}

/* Gives the closure out. Called once per entry, with the snapshot and all facts in place. */
static __always_inline void record_closure(struct ledger_entry *entry)
{
	struct cw_closure *closure = &entry->closure;
	struct cw_totals *sum = NULL;
	bool attempt = is_unestablished(entry);

	if (entry->stage == STAGE_RECORDED)
		return;
	entry->stage = STAGE_RECORDED;
	if (attempt) {
		COUNT(unestablished);
		if (!cw_filter.unestablished)
			return;
	} else {
		COUNT(ended);
	}
	if (!filter_wants(closure, entry->in_cgroup)) {
		if (!attempt)
			COUNT(filtered);
		return;
	}
	if (!attempt && cw_totals_kept)
		sum = count_totals(closure);
	/* unless close() has returned and only its exit went unseen: an orphan in softirq */
	if (entry->closing && entry->called_ns && closure->blocked_ns == CW_UNKNOWN &&
	    (closure->facts & (CW_FACT(CW_FACT_OWNED) | CW_FACT(CW_FACT_DEAD))) != CW_FACT(CW_FACT_DEAD))
		closure->blocked_ns = bpf_ktime_get_boot_ns() - entry->called_ns;
	fill_header(&closure->header, CW_RECORD_CLOSURE, sizeof(*closure));
	closure->header.id = closure->end_ns;
	closure->header.cpu = bpf_get_smp_processor_id();
	if (bpf_ringbuf_output(&records, closure, sizeof(*closure), BPF_RB_NO_WAKEUP)) {
		if (sum)
			__sync_fetch_and_add(&sum->lost, 1);
		if (attempt)
			COUNT(unestablished_lost);
		else
			COUNT(lost_ring);
		return;
	}
	if (!attempt)
		COUNT(recorded);
	entry->carried = 1;
	stack_count_lost(closure);
	if (entry->awaited) {
		struct closure_name name = {.id = closure->header.id, .cpu = closure->header.cpu};

		bpf_map_update_elem(&awaited, &entry->awaited, &name, BPF_ANY);
	}
	wake_reader();
}

static __always_inline void record_amendment(struct cw_amendment *amendment)
{
	fill_header(&amendment->header, CW_RECORD_AMENDMENT, sizeof(*amendment));
	amendment->time_ns = bpf_ktime_get_boot_ns();
	if (bpf_ringbuf_output(&records, amendment, sizeof(*amendment), BPF_RB_NO_WAKEUP)) {
		COUNT(amended_lost);
		return;
	}
	COUNT(amended);
	wake_reader();
}

#endif
