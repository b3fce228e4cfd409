/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who: the current task as a cw_task, and how it is running. Only to be asked where the socket lock
 * is owned by a process (identity_usable): in softirq `current` is an arbitrary victim.
 */
#ifndef CLOSEWATCH_IDENTITY_BPF_H
#define CLOSEWATCH_IDENTITY_BPF_H

#include "filter.bpf.h"
#include "ledger.bpf.h"

/* asm/unistd_64.h, asm/unistd_32.h */
#define NR_CLOSE 3
#define NR_DUP2 33
#define NR_EXECVE 59
#define NR_DUP3 292
#define NR_EXECVEAT 322
#define NR_IO_URING_ENTER 426
#define NR_CLOSE_RANGE 436
#define NR_I386_CLOSE I386(6)
#define NR_I386_EXECVE I386(11)
#define NR_I386_DUP2 I386(63)
#define NR_I386_DUP3 I386(330)
#define NR_I386_EXECVEAT I386(358)

/*
 * Exit codes of tasks that are exiting, for kernels on which the current task cannot be read (5.10).
 * Inserted: sched_process_exit. Deleted: sched_process_fork of the same tid. Looked up: at a close.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __s32);
} exiting SEC(".maps");

/*
 * Threads of the kernel, likewise. Inserted: iter/task at the start, sched_process_fork. Deleted:
 * sched_process_fork of the same tid, sched_process_exec (a helper that the kernel starts). Full: a
 * thread is taken for a process.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} kernel_threads SEC(".maps");

static __always_inline void identity_note_exit(struct task_struct *task)
{
	__u32 tid = (__u32)task->pid;
	__s32 code = task->exit_code;

	bpf_map_update_elem(&exiting, &tid, &code, BPF_ANY);
}

static __always_inline void identity_note_thread(struct task_struct *task)
{
	__u32 tid = (__u32)task->pid;
	__u8 yes = 1;

	if (task->flags & PF_KTHREAD)
		bpf_map_update_elem(&kernel_threads, &tid, &yes, BPF_ANY);
	else
		bpf_map_delete_elem(&kernel_threads, &tid);
}

/* The socket lock is held by a process, not by softirq or a timer (sock_owned_by_user). */
static __always_inline bool identity_usable(struct sock *sk)
{
	return sk->sk_lock.owned != 0;
}

/*
 * From the task itself, which costs less than a helper for each. The name is the process's: a thread has
 * its own.
 */
static __always_inline void identity_of(struct cw_task *out, struct task_struct *task)
{
	struct task_struct *leader;
	const __u64 *comm;

	task = COMPAT_TO_READ(struct task_struct, task);
	leader = task->group_leader;
	comm = (const __u64 *)leader->comm;
	out->pid = (__u32)task->tgid;
	out->tid = (__u32)task->pid;
	out->_pad = 0;
	out->uid = task->real_cred->uid.val;
	out->start_ns = leader->start_boottime;
	out->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	((__u64 *)out->comm)[0] = comm[0];
	((__u64 *)out->comm)[1] = comm[1];
}

static __always_inline void identity_of_current(struct cw_task *out)
{
	struct task_struct *current = compat_current();
	__u64 id;

	if (current) {
		identity_of(out, current);
		return;
	}
	id = bpf_get_current_pid_tgid();
	out->pid = id >> 32;
	out->tid = (__u32)id;
	out->_pad = 0;
	out->uid = (__u32)bpf_get_current_uid_gid();
	out->start_ns = 0;
	out->cgroup_id = bpf_get_current_cgroup_id();
	bpf_get_current_comm(out->comm, sizeof(out->comm));
}

/* Replaces the process of the entry unless a stronger role is known. */
static __always_inline void identity_note(struct ledger_entry *entry, enum cw_role role)
{
	if (entry->closure.role > role)
		return;
	identity_of_current(&entry->closure.process);
	entry->closure.role = role;
	entry->in_cgroup = filter_current_in_cgroup();
}

/* enum cw_closer_flags of the current task; the exit code where it is exiting. */
static __always_inline __u8 identity_closer_flags(__s32 *exit_code)
{
	struct task_struct *current = compat_current();
	__u8 flags = 0;

	if (!current) {
		__u32 tid = (__u32)bpf_get_current_pid_tgid();
		__s32 *code = bpf_map_lookup_elem(&exiting, &tid);

		if (code) {
			*exit_code = *code;
			flags |= CW_CLOSER_EXITING;
		}
		if (bpf_map_lookup_elem(&kernel_threads, &tid))
			flags |= CW_CLOSER_KTHREAD;
		return flags;
	}
	if (current->flags & PF_EXITING) {
		*exit_code = current->exit_code;
		flags |= CW_CLOSER_EXITING;
	}
	if (current->flags & PF_IO_WORKER)
		flags |= CW_CLOSER_IO_WORKER;
	if (current->flags & PF_KTHREAD)
		flags |= CW_CLOSER_KTHREAD;
	if (BPF_CORE_READ_BITFIELD(current, in_execve))
		flags |= CW_CLOSER_EXEC;
	if (flags)
		return flags;
	switch (compat_syscall(current)) {
	case NR_IO_URING_ENTER:
	case I386(NR_IO_URING_ENTER):
		return CW_CLOSER_IO_URING;
	case NR_EXECVE:
	case NR_EXECVEAT:
	case NR_I386_EXECVE:
	case NR_I386_EXECVEAT:
		return CW_CLOSER_EXEC;
	case NR_CLOSE:
	case NR_DUP2:
	case NR_DUP3:
	case NR_CLOSE_RANGE:
	case NR_I386_CLOSE:
	case NR_I386_DUP2:
	case NR_I386_DUP3:
	case I386(NR_CLOSE_RANGE):
		return CW_CLOSER_CALL;
	default:
		return 0;
	}
}

#endif
