/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is counted, whether or not a record is made of it: struct cw_counters in abi.h has the
 * meaning of each.
 */
#ifndef CLOSEWATCH_COUNTERS_BPF_H
#define CLOSEWATCH_COUNTERS_BPF_H

#include "kernel_types.h"

/* One slot per CPU (max_entries set before the load). Read by mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cw_counters);
} counters SEC(".maps");

#define COUNT(name)                                                                                          \
	do {                                                                                                 \
		__u32 _cpu = bpf_get_smp_processor_id();                                                     \
		struct cw_counters *_slot = bpf_map_lookup_elem(&counters, &_cpu);                           \
		if (_slot)                                                                                   \
			__sync_fetch_and_add(&_slot->name, 1);                                               \
	} while (0)

#endif
