/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * With --stack: the kernel and user stack of the call that ends a connection. Only to be asked where
 * the current task may be (identity.bpf.h). Off, neither the maps exist nor does the verifier let the
 * calls into the programs: cw_stacks is known when they load.
 *
 * bpf_get_stackid(ctx) is allowed in tracing programs (tp_btf, fentry) of 5.10 to 7.2
 * (raw_tp_prog_func_proto(), kernel/trace/bpf_trace.c). It walks user stacks by frame pointers.
 */
#ifndef CLOSEWATCH_STACK_BPF_H
#define CLOSEWATCH_STACK_BPF_H

#include "identity.bpf.h"

const volatile __u32 cw_stacks = 0;

/*
 * By id, which is the place that the hash of the stack gives it. Inserted: stack_note(). Deleted: never,
 * as an id may wait in the ledger for as long as its connection; a stack whose place another one
 * has is lost, and counted with the closure.
 */
#define STACK_MAP(name)                                                                                      \
	struct {                                                                                             \
		__uint(type, BPF_MAP_TYPE_STACK_TRACE);                                                      \
		__uint(max_entries, 16384);                                                                  \
		__uint(key_size, sizeof(__u32));                                                             \
		__uint(value_size, CW_STACK_DEPTH * sizeof(__u64));                                          \
	} name SEC(".maps")

STACK_MAP(stacks_kernel);
STACK_MAP(stacks_user);

/* include/uapi/linux/bpf.h */
#define STACK_OF_USER (1ULL << 8) /* BPF_F_USER_STACK */

static __always_inline __s32 stack_kept(long id)
{
	if (id >= 0)
		return (__s32)id;
	/* -EFAULT: there is none, the task's memory is gone (exit) */
	return id == -EFAULT ? CW_STACK_NONE : CW_STACK_LOST;
}

static __always_inline void stack_count_lost(const struct cw_closure *closure)
{
	if (!cw_stacks)
		return;
	if (closure->stack_kernel == CW_STACK_LOST)
		COUNT(stacks_lost);
	if (closure->stack_user == CW_STACK_LOST)
		COUNT(stacks_lost);
}

/* The current task's stacks. */
static __always_inline void stack_take(void *ctx, __s32 *kernel, __s32 *user)
{
	__s32 exit_code;

	if (!cw_stacks)
		return;
	*kernel = stack_kept(bpf_get_stackid(ctx, &stacks_kernel, 0));
	*user = CW_STACK_NONE;
	/* these have no user stack, or one of a program that is no longer in memory */
	if (!(identity_closer_flags(&exit_code) &
	      (CW_CLOSER_EXITING | CW_CLOSER_EXEC | CW_CLOSER_IO_WORKER | CW_CLOSER_KTHREAD)))
		*user = stack_kept(bpf_get_stackid(ctx, &stacks_user, STACK_OF_USER));
}

/* They replace those of the entry. */
static __always_inline void stack_note(void *ctx, struct cw_closure *closure)
{
	stack_take(ctx, &closure->stack_kernel, &closure->stack_user);
}

#endif
