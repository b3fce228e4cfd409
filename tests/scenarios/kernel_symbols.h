// SPDX-License-Identifier: Apache-2.0
// What the running kernel was built with, by its symbols (/proc/kallsyms) and types (BTF): a probe
// for differences that no system call shows.
#pragma once

namespace closewatch::scenarios {

// Called before the plays, spares each of them, a process of its own, the reading.
void read_kernel_symbols();

// BPF can read the current task (bpf_get_current_task_btf, 5.11): an observer then knows exec,
// io_uring and kernel threads from an ordinary close().
bool bpf_reads_tasks();

// BPF can read through a void pointer (bpf_rdonly_cast, 6.2): an observer then knows to which MPTCP
// socket a subflow belongs.
bool bpf_reads_subflows();

// tcp_send_reset speaks of timewait sockets, too (6.10, which gave resets their reasons): the base
// hooks then see data that reaches one.
bool timewait_resets_are_traced();

// The garbage collector of AF_UNIX runs in a thread of the kernel, not in the process that happens
// to start it (__unix_gc, unix_schedule_gc; net/unix/garbage.c).
bool unix_collector_is_a_worker();

}  // namespace closewatch::scenarios
