/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel structures and fields that closewatch reads, and nothing more. CO-RE relocates every
 * access against the running kernel's BTF, so only names matter here, not order or size.
 * A name with a suffix after three underscores (sock_cgroup_data___v5_10) is the shape that the
 * structure had in that version; compat.bpf.h alone uses those.
 */
#ifndef CLOSEWATCH_KERNEL_TYPES_H
#define CLOSEWATCH_KERNEL_TYPES_H

#include <linux/bpf.h>

#include "abi.h"

typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	long counter;
} atomic64_t;

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport; /* network order */
	__u16 skc_num;	 /* host order; 0 after the port was released */
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	unsigned long skc_flags; /* bits of enum sock_flags */
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};

typedef struct {
	int owned;
} socket_lock_t;

struct kernfs_node {
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
};

/* fs.h: the reference count is f_count up to 6.12 and f_ref (file_ref_t) from 6.13. */
struct file {
	struct inode *f_inode;
};

struct socket {
	struct file *file;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sk_buff_head {
	struct sk_buff *next;
	struct sk_buff *prev;
	__u32 qlen;
};

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	unsigned char sk_kern_sock : 1;
	__u8 sk_shutdown;
	__u16 sk_protocol;
	struct sk_buff_head sk_receive_queue;
	unsigned long sk_lingertime;
	int sk_err;
	int sk_err_soft;
	struct socket *sk_socket;
	kuid_t sk_uid;
	struct sock_cgroup_data sk_cgrp_data;
};

struct inet_sock {
	struct sock sk;
	__u16 inet_sport; /* network order */
};

struct tcp_ulp_ops {
	char name[16];
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const struct tcp_ulp_ops *icsk_ulp_ops;
	void *icsk_ulp_data;
	__u8 icsk_retransmits;
	__u8 icsk_probes_out;
	__u32 icsk_user_timeout;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u32 snd_wnd;
	__u64 bytes_received;
	__u64 bytes_acked;
	unsigned char repair : 1;
	int linger2;
	bool is_mptcp;
};

struct mptcp_sock {
	struct inet_connection_sock sk;
	struct sk_buff_head receive_queue;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	volatile unsigned char tw_substate;
};

struct sk_buff {
	char cb[48];
};

/* include/net/tcp.h: lives in sk_buff.cb; tcp_flags is the flag byte of the header. */
struct tcp_skb_cb {
	__u32 seq;
	__u8 tcp_flags;
};

/* net/mptcp/protocol.h: lives in sk_buff.cb */
struct mptcp_skb_cb {
	__u64 map_seq; /* of the first byte that was not read */
	__u64 end_seq;
};

struct thread_info {
	__u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int exit_code;
	int pid;
	int tgid;
	__u64 start_boottime;
	struct task_struct *group_leader;
	unsigned int in_execve : 1;
	char comm[16];
	const struct cred *real_cred;
	struct css_set *cgroups;
};

struct cred {
	kuid_t uid;
};

struct pt_regs {
	unsigned long orig_ax;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	unsigned int uid;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

#pragma clang attribute pop

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP_NUMBER 6
#define IPPROTO_MPTCP_NUMBER 262

/* include/net/tcp_states.h, all supported versions. */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
};

#define RCV_SHUTDOWN 1
#define SHUTDOWN_MASK 3
#define TCPHDR_RST 0x04

/* include/net/sock.h: bit numbers in skc_flags, relocated where they are used. */
enum sock_flags {
	SOCK_DEAD = 0,
	SOCK_DONE = 1,
	SOCK_KEEPOPEN = 3,
	SOCK_LINGER = 4,
};

/* include/linux/sched.h, the same bits in 5.10 to 7.2 (PF_IO_WORKER since 5.12). */
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000

#define EFAULT 14
#define ETIMEDOUT 110
#define ECONNABORTED 103

#endif
