/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which closures are recorded. The filter is read-only data, so what is not asked for costs nothing:
 * the verifier removes it. Totals are kept behind the filter.
 */
#ifndef CLOSEWATCH_FILTER_BPF_H
#define CLOSEWATCH_FILTER_BPF_H

#include "kernel_types.h"

const volatile struct cw_filter cw_filter = {};

static __always_inline bool filter_lists(const volatile __u32 *list, __u32 count, __u32 value)
{
	if (!count)
		return true;
#pragma unroll
	for (__u32 i = 0; i < CW_FILTER_LIST; i++)
		if (i < count && list[i] == value)
			return true;
	return false;
}

/* The current task's cgroup is the filter's or below it. */
static __always_inline __u8 filter_current_in_cgroup(void)
{
	if (!cw_filter.cgroup_id)
		return 1;
	return bpf_get_current_ancestor_cgroup_id((int)cw_filter.cgroup_level) == cw_filter.cgroup_id;
}

static __always_inline bool filter_is_v4(const struct cw_closure *closure)
{
	const __u32 *word = (const __u32 *)closure->peer;

	return !word[0] && !word[1] && word[2] == bpf_htonl(0xffff);
}

static __always_inline bool filter_wants(const struct cw_closure *closure, bool in_cgroup)
{
	if (cw_filter.netns && closure->netns != cw_filter.netns)
		return false;
	if (cw_filter.family && (cw_filter.family == AF_INET) != filter_is_v4(closure))
		return false;
	if (cw_filter.cgroup_id && !in_cgroup)
		return false;
	if (cw_filter.uid_count && !closure->process.pid) /* nobody known is not root */
		return false;
	return filter_lists(cw_filter.pids, cw_filter.pid_count, closure->process.pid) &&
	       filter_lists(cw_filter.uids, cw_filter.uid_count, closure->process.uid) &&
	       filter_lists(cw_filter.local_ports, cw_filter.local_port_count, closure->local_port) &&
	       filter_lists(cw_filter.peer_ports, cw_filter.peer_port_count, closure->peer_port);
}

#endif
