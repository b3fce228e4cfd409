/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One accessor per difference between kernels, so that no other file knows a version. Each entry
 * says what changed, and from which release on it may go.
 */
#ifndef CLOSEWATCH_COMPAT_BPF_H
#define CLOSEWATCH_COMPAT_BPF_H

#include "kernel_types.h"

#define SOCKET_FLAG(sk, flag)                                                                                \
	(((sk)->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, flag)) & 1)

/*
 * bpf_get_current_task_btf() in tracing programs: from v5.11. Without it neither the start time nor the flags
 * of the current task can be read without bpf_probe_read_kernel(). Goes when the minimum is 5.11.
 */
static __always_inline struct task_struct *compat_current(void)
{
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		return NULL;
	return (struct task_struct *)bpf_get_current_task_btf();
}

/*
 * The object, to read pointers from. From v6.3 on the verifier asks of each pointer that is read through one
 * that it trusts whether the type says that it may be trusted too, by searching all types of the kernel for a
 * name, up to four times (btf_nested_type_is_trusted(), kernel/bpf/btf.c): that was 4 of the 4.4 s that a
 * start took on 6.18. Through a cast one it does not ask, and guards the read as it did before; the cast
 * itself it removes. Where a kernel lacks the cast (it is from v6.2) libbpf 1.1 wants CAP_SYS_ADMIN to
 * look for it in modules, so it is no weak symbol: CMakeLists.txt compiles everything with it and without,
 * userspace chooses.
 */
#ifdef CW_READ_CAST
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;
#define COMPAT_TO_READ(type, object) ((type *)bpf_rdonly_cast(object, bpf_core_type_id_kernel(type)))
#else
#define COMPAT_TO_READ(type, object) (object)
#endif

/*
 * The TCP socket that `sk` is known to be, neither a timewait nor a request socket. The cast costs nothing,
 * the helper a call and what it asks; only that one can be NULL.
 */
static __always_inline struct tcp_sock *compat_tcp_sock(struct sock *sk)
{
#ifdef CW_READ_CAST
	return COMPAT_TO_READ(struct tcp_sock, sk);
#else
	return bpf_skc_to_tcp_sock(sk);
#endif
}

static __always_inline struct socket *compat_socket(struct sock *sk)
{
	return COMPAT_TO_READ(struct sock, sk)->sk_socket;
}

/*
 * The system call that the task is in, with I386() the 32-bit one of that number; -1 when it cannot be
 * told. bpf_task_pt_regs(): from v5.15. x86-64 only.
 */
#define TS_COMPAT 2 /* asm/thread_info.h */
#define I386(number) (0x10000 | (number))

static __always_inline long compat_syscall(struct task_struct *task)
{
#ifdef __TARGET_ARCH_x86
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
		struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs((void *)task);

		if (task->thread_info.status & TS_COMPAT)
			return I386((long)regs->orig_ax);
		return (long)regs->orig_ax;
	}
#endif
	return -1;
}

/*
 * The MPTCP socket that a subflow belongs to, NULL where it cannot be told: what leads to it is a void
 * pointer, which takes the cast of v6.2. Goes when the minimum is 6.2.
 */
struct mptcp_subflow_context {
	struct sock *conn;
} __attribute__((preserve_access_index));

static __always_inline struct mptcp_sock *compat_mptcp_sock(struct tcp_sock *subflow)
{
#ifdef CW_READ_CAST
	if (bpf_core_type_exists(struct mptcp_subflow_context))
		return COMPAT_TO_READ(
		    struct mptcp_sock,
		    COMPAT_TO_READ(struct mptcp_subflow_context, subflow->inet_conn.icsk_ulp_data)->conn);
#endif
	return NULL;
}

/*
 * What an MPTCP socket has received in order: its receive queue, and up to v6.14 before that one
 * `receive_queue`, into which the first to read splices it (__mptcp_splice_receive_queue()).
 */
static __always_inline struct sk_buff_head *compat_mptcp_queue(struct mptcp_sock *mptcp, bool first)
{
	struct sk_buff_head *queue = &mptcp->sk.icsk_inet.sk.sk_receive_queue;

	if (bpf_core_field_exists(mptcp->receive_queue)) {
		struct sk_buff_head *spliced = &mptcp->receive_queue;

		if (first ? spliced->qlen : !queue->qlen)
			return spliced;
	}
	return queue;
}

/*
 * Is the last reference to the file gone? That is what tells close() from shutdown() at the same
 * change of state: __fput() runs with the count at its end. f_count (atomic_long_t, 0 at the end) up
 * to v6.12; f_ref (file_ref_t, negative at the end) from v6.13. Goes when the minimum is 6.13.
 */
struct file___v6_12 {
	atomic64_t f_count;
} __attribute__((preserve_access_index));

struct file_ref___v6_13 {
	atomic64_t refcnt;
} __attribute__((preserve_access_index));

struct file___v6_13 {
	struct file_ref___v6_13 f_ref;
} __attribute__((preserve_access_index));

static __always_inline bool compat_file_released(struct file *file)
{
	if (bpf_core_field_exists(struct file___v6_13, f_ref))
		return ((struct file___v6_13 *)file)->f_ref.refcnt.counter < 0;
	return ((struct file___v6_12 *)file)->f_count.counter == 0;
}

/*
 * tcp_skb_cb.tcp_flags: u8, and u16 from v6.15 (AccECN). RST is in the low byte of either; both
 * supported architectures are little-endian.
 */
static __always_inline bool compat_segment_is_rst(struct sk_buff *skb)
{
	unsigned char *cb = (unsigned char *)skb->cb;

	return cb[bpf_core_field_offset(struct tcp_skb_cb, tcp_flags)] & TCPHDR_RST;
}

#endif
