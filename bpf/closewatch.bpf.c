// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of programs, nothing else: name, hook, handler. None is loaded by itself (SEC("?...")):
 * what runs is what the attach plan in userspace/kernel/ says.
 */
#include "handlers.bpf.h"
#include "iterators.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Where arguments and return values stand in this kernel: read from its BTF before the load. */
const volatile __u32 cw_send_reset_arguments = 3;	/* (sk, skb[, reason]) */
const volatile __u32 cw_active_reset_reason = 0;	/* argument number of the reason; 0 none */
const volatile __u32 cw_accept_arguments = 2;		/* inet_csk_accept */
const volatile __u32 cw_timewait_process_arguments = 5; /* tcp_timewait_state_process */

/*
 * Argument `number` of the hooked function. Written as one instruction because the compiler would
 * else join the loads of alternative branches into one at a computed address, which the verifier
 * refuses for the context.
 */
#define ARGUMENT(ctx, number)                                                                                \
	({                                                                                                   \
		__u64 _value;                                                                                \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(_value) : "r"(ctx), "i"((number)*8));           \
		_value;                                                                                      \
	})

/* ---- base set ---- */

static __always_inline void send_reset(__u64 *ctx, enum turn turn)
{
	int reason = -1;

	if (cw_send_reset_arguments >= 3)
		reason = (int)ARGUMENT(ctx, 2);
	turn_send_reset((struct sock *)ctx[0], ctx[1] != 0, reason, turn);
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(tp_btf__inet_sock_set_state, struct sock *sk, int old, int next)
{
	turn_set_state(ctx, sk, old, next, TURN_FIRST);
	return 0;
}

SEC("?tp_btf/tcp_send_reset")
int tp_btf__tcp_send_reset(__u64 *ctx)
{
	send_reset(ctx, TURN_FIRST);
	return 0;
}

SEC("?tp_btf/tcp_receive_reset")
int BPF_PROG(tp_btf__tcp_receive_reset, struct sock *sk)
{
	turn_receive_reset(sk, TURN_FIRST);
	return 0;
}

SEC("?tp_btf/tcp_destroy_sock")
int BPF_PROG(tp_btf__tcp_destroy_sock, struct sock *sk)
{
	turn_destroy_sock(ctx, sk, TURN_FIRST);
	return 0;
}

/* The same, for when the kernel leaves the first out (enum turn in handlers.bpf.h). */
SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(tp_btf__inet_sock_set_state__again, struct sock *sk, int old, int next)
{
	turn_set_state(ctx, sk, old, next, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/tcp_send_reset")
int tp_btf__tcp_send_reset__again(__u64 *ctx)
{
	send_reset(ctx, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/tcp_receive_reset")
int BPF_PROG(tp_btf__tcp_receive_reset__again, struct sock *sk)
{
	turn_receive_reset(sk, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/tcp_destroy_sock")
int BPF_PROG(tp_btf__tcp_destroy_sock__again, struct sock *sk)
{
	turn_destroy_sock(ctx, sk, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(tp_btf__inet_sock_set_state__last, struct sock *sk, int old, int next)
{
	turn_set_state(ctx, sk, old, next, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/tcp_send_reset")
int tp_btf__tcp_send_reset__last(__u64 *ctx)
{
	send_reset(ctx, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/tcp_receive_reset")
int BPF_PROG(tp_btf__tcp_receive_reset__last, struct sock *sk)
{
	turn_receive_reset(sk, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/tcp_destroy_sock")
int BPF_PROG(tp_btf__tcp_destroy_sock__last, struct sock *sk)
{
	turn_destroy_sock(ctx, sk, TURN_AGAIN);
	return 0;
}

SEC("?tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tp_btf__tcp_rcv_space_adjust, struct sock *sk)
{
	handle_read(sk);
	return 0;
}

SEC("?tp_btf/signal_deliver")
int tp_btf__signal_deliver(void *ctx)
{
	handle_signal();
	return 0;
}

SEC("?iter/task_file")
int iter__task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (task && file)
		handle_holder(task, file);
	return 0;
}

/* The kernel runs it for each of its maps, which are none of its business: once is enough. */
SEC("?iter/bpf_map")
int iter__bpf_map(struct bpf_iter__bpf_map *ctx)
{
	if (!ctx->meta->seq_num)
		handle_ledger();
	return 0;
}

SEC("?iter/bpf_map_elem")
int iter__bpf_map_elem(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct ledger_entry *entry = ctx->value;

	if (entry && is_in_progress(entry))
		count_open();
	return 0;
}

/* Exit codes and kernel threads, for kernels without bpf_get_current_task_btf() in tracing programs. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(tp_btf__sched_process_exit, struct task_struct *task)
{
	identity_note_exit(task);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(tp_btf__sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tid = (__u32)child->pid;

	bpf_map_delete_elem(&exiting, &tid);
	identity_note_thread(child);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(tp_btf__sched_process_exec, struct task_struct *task)
{
	identity_note_thread(task);
	return 0;
}

SEC("?iter/task")
int iter__task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		identity_note_thread(task);
	return 0;
}

/* ---- full set ---- */

SEC("?fentry/tcp_close")
int BPF_PROG(fentry__tcp_close, struct sock *sk)
{
	handle_close_called(sk);
	return 0;
}

SEC("?fentry/__tcp_close")
int BPF_PROG(fentry____tcp_close, struct sock *sk)
{
	handle_close_begins(ctx, sk);
	return 0;
}

SEC("?fexit/__tcp_close")
int BPF_PROG(fexit____tcp_close, struct sock *sk)
{
	handle_close_ends(sk);
	return 0;
}

SEC("?fexit/sk_stream_wait_close")
int BPF_PROG(fexit__sk_stream_wait_close, struct sock *sk)
{
	handle_linger_ends(sk);
	return 0;
}

SEC("?fentry/tcp_send_fin")
int BPF_PROG(fentry__tcp_send_fin, struct sock *sk)
{
	handle_send_fin(sk);
	return 0;
}

SEC("?fentry/tcp_send_active_reset")
int fentry__tcp_send_active_reset(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int reason = -1;

	if (cw_active_reset_reason == 1)
		reason = (int)ARGUMENT(ctx, 1);
	else if (cw_active_reset_reason == 2)
		reason = (int)ARGUMENT(ctx, 2);
	handle_active_reset(sk, reason);
	return 0;
}

SEC("?fentry/tcp_reset")
int BPF_PROG(fentry__tcp_reset, struct sock *sk, struct sk_buff *skb)
{
	handle_reset_segment(sk, skb);
	return 0;
}

SEC("?fentry/tcp_abort")
int BPF_PROG(fentry__tcp_abort, struct sock *sk)
{
	handle_abort_begins(ctx, sk);
	return 0;
}

SEC("?fexit/tcp_abort")
int BPF_PROG(fexit__tcp_abort, struct sock *sk)
{
	handle_abort_ends(ctx, sk);
	return 0;
}

SEC("?fexit/inet_csk_accept")
int fexit__inet_csk_accept(__u64 *ctx)
{
	struct sock *child;

	if (cw_accept_arguments == 4)
		child = (struct sock *)ARGUMENT(ctx, 4);
	else
		child = (struct sock *)ARGUMENT(ctx, 2);
	handle_accept(ctx, child);
	return 0;
}

SEC("?fexit/inet_twsk_alloc")
int BPF_PROG(fexit__inet_twsk_alloc, struct sock *sk, void *death_row, int state,
	     struct inet_timewait_sock *timewait)
{
	handle_timewait_alloc(sk, state, (__u64)timewait);
	return 0;
}

SEC("?fexit/tcp_timewait_state_process")
int fexit__tcp_timewait_state_process(__u64 *ctx)
{
	int verdict;

	if (cw_timewait_process_arguments == 3)
		verdict = (int)ARGUMENT(ctx, 3);
	else if (cw_timewait_process_arguments == 4)
		verdict = (int)ARGUMENT(ctx, 4);
	else
		verdict = (int)ARGUMENT(ctx, 5);
	handle_timewait_segment((struct inet_timewait_sock *)ctx[0], verdict);
	return 0;
}

SEC("?fentry/inet_twsk_kill")
int BPF_PROG(fentry__inet_twsk_kill, struct inet_timewait_sock *timewait)
{
	handle_timewait_end(timewait);
	return 0;
}

/* ---- on request ---- */

SEC("?iter/tcp")
int iter__tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;

	if (common)
		handle_pending(ctx->meta->seq, common);
	return 0;
}
