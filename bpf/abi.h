/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The only header that both sides include: what travels through the ring buffer, what the kernel
 * side counts, and the knobs that userspace sets before the load. Fixed-width types, natural
 * alignment, explicit padding, zeroed. Times are CLOCK_BOOTTIME nanoseconds, ports are host order,
 * addresses are 16 bytes in network order (IPv4 as ::ffff:a.b.c.d).
 * Any change of a layout below is a new CW_ABI_VERSION.
 */
#ifndef CLOSEWATCH_ABI_H
#define CLOSEWATCH_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define CW_ASSERT(condition, message) static_assert(condition, message)
#else
#define CW_ASSERT(condition, message) _Static_assert(condition, message)
#endif

enum {
	CW_ABI_VERSION = 1,
	CW_COMM_LENGTH = 16,
	CW_ADDRESS_LENGTH = 16,
	CW_FILTER_LIST = 16,	  /* entries of one list filter (pids, uids, ports) */
	CW_STACK_DEPTH = 32,	  /* frames kept of one stack */
	CW_TOTALS_PLACES = 16384, /* processes in one table of totals */
};

/* In place of a stack id. */
enum {
	CW_STACK_NONE = -1, /* not asked for, or there is none */
	CW_STACK_LOST = -2, /* another stack has its place in the map */
};

/* A 64-bit value that is not known. 32-bit signed values use -1 where -1 is no legal value. */
#define CW_UNKNOWN (~0ULL)

enum cw_record_type {
	CW_RECORD_CLOSURE = 1,
	CW_RECORD_AMENDMENT = 2,
};

struct cw_header {
	__u16 abi;  /* CW_ABI_VERSION */
	__u16 type; /* enum cw_record_type */
	__u32 size; /* whole record in bytes, this header included */
	__u64 id;   /* end of the connection, ns: names the closure together with `cpu` */
	__u32 cpu;  /* CPU that recorded the end; breaks ties of `id` */
	__u32 _pad;
};
CW_ASSERT(sizeof(struct cw_header) == 24, "cw_header is 24 bytes");

/* A process as it was at the moment of an event. pid 0: not known. */
struct cw_task {
	__u64 start_ns;	 /* start of the process (group leader), 0 when the kernel cannot tell (5.10) */
	__u64 cgroup_id; /* cgroup v2 id */
	__u32 pid;	 /* process (tgid), in the initial namespace */
	__u32 tid;	 /* thread */
	__u32 uid;	 /* real uid, in the initial namespace */
	__u32 _pad;
	__u8 comm[CW_COMM_LENGTH]; /* of the group leader (5.10: of the thread); raw bytes, NUL-terminated */
};
CW_ASSERT(sizeof(struct cw_task) == 48, "cw_task is 48 bytes");

/* What the process in a record is to the socket; a higher value replaces a lower one. */
enum cw_role {
	CW_ROLE_NONE = 0,
	CW_ROLE_HOLDER = 1,   /* held the descriptor when observation began (iter/task_file) */
	CW_ROLE_OPENER = 2,   /* connect() */
	CW_ROLE_ACCEPTOR = 3, /* accept() */
	CW_ROLE_USER = 4,     /* last to read, or to call shutdown() */
	CW_ROLE_LISTENER = 5, /* listened on the socket whose queue the connection died in */
	CW_ROLE_CLOSER = 6,   /* released the last reference */
};

/* How the closer was running (bits). */
enum cw_closer_flags {
	CW_CLOSER_CLOSED = 1 << 0,    /* the last reference was released (close(), exit, exec, ...) */
	CW_CLOSER_SHUTDOWN = 1 << 1,  /* our FIN came from shutdown() */
	CW_CLOSER_EXITING = 1 << 2,   /* PF_EXITING; exit_code is valid */
	CW_CLOSER_EXEC = 1 << 3,      /* task_struct.in_execve */
	CW_CLOSER_IO_WORKER = 1 << 4, /* PF_IO_WORKER: io_uring worker or SQ thread */
	CW_CLOSER_IO_URING = 1 << 5,  /* inside io_uring_enter(2) */
	CW_CLOSER_KTHREAD = 1 << 6,   /* PF_KTHREAD: deferred release in a kernel thread */
	CW_CLOSER_CALL = 1 << 7,      /* inside close(2), close_range(2), dup2(2) or dup3(2) */
};

/* Facts about the end (bits of cw_closure.facts). All are "at the switch to CLOSE" unless said. */
#define CW_FACT(n) (1ULL << (n))
enum cw_fact {
	CW_FACT_DEAD = 0,		/* SOCK_DEAD: already an orphan */
	CW_FACT_PEER_FIN = 1,		/* SOCK_DONE: the peer's FIN was received */
	CW_FACT_LINGER = 2,		/* SOCK_LINGER */
	CW_FACT_REPAIR = 3,		/* TCP_REPAIR */
	CW_FACT_OWNED = 4,		/* socket lock owned by a process: not softirq */
	CW_FACT_IN_CLOSE = 5,		/* the last reference was being released */
	CW_FACT_NEVER_ACCEPTED = 6,	/* no struct socket and not an orphan */
	CW_FACT_FIN_QUEUED = 7,		/* our FIN is part of write_seq */
	CW_FACT_CLOSING = 8,		/* passed through TCP_CLOSING */
	CW_FACT_RESET_CALLED = 9,	/* tcp_reset() ran: a RST, or data after close */
	CW_FACT_RST_IN = 10,		/* the segment given to tcp_reset() carried RST */
	CW_FACT_NO_RST_IN = 11,		/* it did not: data after close */
	CW_FACT_RST_BEFORE = 12,	/* we sent an active RST before the switch to CLOSE */
	CW_FACT_RST_AFTER = 13,		/* we sent an active RST after it */
	CW_FACT_RST_ANSWER = 14,	/* we answered a segment with RST after it */
	CW_FACT_AWAITS_RST = 15,	/* a RST answer may follow: hold until it came or the hold expired */
	CW_FACT_TIMEWAIT = 16,		/* handed to a timewait mini-socket (full hooks) */
	CW_FACT_LINGER_WAIT = 17,	/* close() began to wait for SO_LINGER */
	CW_FACT_LINGER_ACKED = 18,	/* data and FIN were acknowledged while it waited */
	CW_FACT_LINGER_LEFT = 19,	/* the wait was seen to end before that */
	CW_FACT_BEFORE_START = 20,	/* the socket was open before observation began */
	CW_FACT_TLS = 21,		/* kTLS upper layer protocol: bytes are ciphertext */
	CW_FACT_MPTCP = 22,		/* MPTCP subflow */
	CW_FACT_KERNEL_SOCKET = 23,	/* sk_kern_sock */
	CW_FACT_ACTIVE_OPEN = 24,	/* we connected (only when the start was seen) */
	CW_FACT_FD_OPEN = 25,		/* a descriptor was still open: unread data may yet be read */
	CW_FACT_DISCONNECT = 26,	/* a process ended it without releasing it: connect(AF_UNSPEC) */
	CW_FACT_STUCK_ORPHAN = 27,	/* SOCK_DESTROY purged an orphan that then stays (5.10) */
	CW_FACT_KEEPALIVE = 28,		/* SOCK_KEEPOPEN */
	CW_FACT_FULL_HOOKS = 29,	/* recorded with the full hook set */
	CW_FACT_ABORTED_BY_OTHER = 30,	/* SOCK_DESTROY: `actor` is the killer */
	CW_FACT_PEER_FIN_FIRST = 31,	/* our FIN answered the peer's (LAST_ACK) */
	CW_FACT_LATE_DATA_RESET = 32,	/* amendment: data reached the timewait socket, answered by RST */
	CW_FACT_PEER_NEVER_CLOSED = 33, /* amendment: FIN_WAIT2 timewait expired without the peer's FIN */
	CW_FACT_RECOVERED = 34,	    /* no hook saw the end: recorded at the release, a RST may be missed */
	CW_FACT_LINGER_BROKEN = 35, /* the wait ended before its time was over: a signal */
	CW_FACT_COUNT
};

/* One ended connection. Bytes are application bytes; see kernel.md 2.1 for the formulas. */
struct cw_closure {
	struct cw_header header;
	__u64 facts;	       /* CW_FACT() bits */
	__u64 born_ns;	       /* established; 0 unknown */
	__u64 close_ns;	       /* the last reference was released; 0 never */
	__u64 end_ns;	       /* switch to CLOSE */
	__u64 blocked_ns;      /* close() kept its caller waiting so long; CW_UNKNOWN */
	__u64 linger_ns;       /* from the close to the first event after a linger wait; 0 none */
	__u64 sent;	       /* bytes given to the network at least once; CW_UNKNOWN */
	__u64 received;	       /* bytes received in order; CW_UNKNOWN */
	__u32 never_sent;      /* given to send(), never transmitted */
	__u32 unacked;	       /* transmitted, never acknowledged */
	__u32 unread;	       /* received, never read */
	__u32 linger_jiffies;  /* sk_lingertime */
	__u32 user_timeout_ms; /* TCP_USER_TIMEOUT, 0 off */
	__u32 send_window;     /* bytes the peer's window allowed last */
	__u32 netns;	       /* inode number of the network namespace */
	__u32 socket_uid;      /* sk_uid */
	__s32 sock_error;      /* sk_err, 0 none */
	__s32 sock_soft_error; /* sk_err_soft, 0 none */
	__s32 rst_reason;      /* enum sk_rst_reason of the running kernel; -1 unknown */
	__s32 linger2;	       /* tcp_sock.linger2 */
	__s32 exit_code;       /* task_struct.exit_code of an exiting closer */
	__s32 stack_kernel;    /* stack id of the call that ended it, made by `actor` if there is
				  one, else by `process`; or CW_STACK_NONE, CW_STACK_LOST */
	__s32 stack_user;      /* the same in user space */
	__u16 local_port;
	__u16 peer_port;
	__u8 family;	     /* AF_INET or AF_INET6, of the socket */
	__u8 state_at_close; /* TCP state when the application closed or shut down; 0 never */
	__u8 final_state;    /* TCP state before CLOSE */
	__u8 shutdown_flags; /* sk_shutdown: 1 receive, 2 send */
	__u8 role;	     /* enum cw_role of `process` */
	__u8 closer_flags;   /* enum cw_closer_flags */
	__u8 retransmits;    /* icsk_retransmits */
	__u8 probes_out;     /* icsk_probes_out */
	__u8 local[CW_ADDRESS_LENGTH];
	__u8 peer[CW_ADDRESS_LENGTH];
	struct cw_task process; /* strongest role seen */
	struct cw_task actor;	/* the one that acted on a socket which is not its own; pid 0 none */
};
CW_ASSERT(sizeof(struct cw_closure) == 288, "cw_closure is 288 bytes");
CW_ASSERT(sizeof(struct cw_closure) % 8 == 0, "cw_closure has no tail padding");

/* A late fact about a closure that was already recorded (header.id and header.cpu name it). */
struct cw_amendment {
	struct cw_header header;
	__u64 facts;	  /* CW_FACT() bits to add */
	__u64 time_ns;	  /* when it came to light */
	__u32 unread;	  /* unread bytes dropped by a late close; 0 none */
	__s32 rst_reason; /* reason of the RST in `facts`; -1 unknown or none */
	__u8 role;	  /* enum cw_role of `process` */
	__u8 closer_flags;
	__u8 _pad[6];
	struct cw_task process; /* who closed at last, when the closure did not know; pid 0 none */
};
CW_ASSERT(sizeof(struct cw_amendment) == 104, "cw_amendment is 104 bytes");

/*
 * What the kernel side counted, one slot per CPU in an mmap-able array: readable without bpf(2).
 * ended = recorded + filtered + lost_ring + lost_ledger,
 * begun = ended - lost_ledger + unestablished + those still in the ledger + those that ended unseen.
 */
struct cw_counters {
	__u64 ended;		  /* established connections that ended */
	__u64 recorded;		  /* closures handed to the ring buffer */
	__u64 filtered;		  /* closures that no filter wanted */
	__u64 lost_ring;	  /* closures that the ring buffer had no room for */
	__u64 lost_ledger;	  /* ends without a ledger entry: no memory or map full */
	__u64 unestablished;	  /* connection attempts that failed */
	__u64 unestablished_lost; /* of these, wanted but not carried */
	__u64 amended;		  /* amendments handed to the ring buffer */
	__u64 amended_lost;	  /* amendments that it had no room for */
	__u64 totals_folded;	  /* closures counted under "other": the totals map was full */
	__u64 rst_no_socket;	  /* RST answers to segments of no socket (kernel 6.10 and later) */
	__u64 wakeups;		  /* times the reader was woken */
	__u64 ledger_refused;	  /* entries that could not be made; the next event tries again */
	__u64 ends_recovered;	  /* ends whose switch to CLOSE no hook saw, recorded at the release */
	__u64 begun;		  /* connections and attempts that the ledger took up */
	__u64 runs_made_up;	  /* of runs that the kernel left out: done by the next program */
	__u64 stacks_lost;	  /* CW_STACK_LOST in closures handed to the ring buffer */
	__u64 holders_refused;	  /* sockets open at the start whose holder found no room */
	__u64 totals_places;	  /* processes that found a place in a table of totals, all tables together */
	__u64 _pad[5];
};
CW_ASSERT(sizeof(struct cw_counters) == 192, "cw_counters fills three cache lines");

/* Exact totals per process of what the filter wants, kept before the ring buffer. pid 0: not known. */
struct cw_totals_key {
	__u32 pid;
	__u32 _pad;
	__u64 start_ns;
};

struct cw_totals {
	__u64 closures;	 /* established connections that ended and that the filter wants */
	__u64 lost;	 /* of these, not carried by the ring buffer */
	__u64 discarded; /* bytes: never_sent + unacked */
	__u64 unread;	 /* bytes */
	__u32 uid;
	__u32 _pad;
	__u8 comm[CW_COMM_LENGTH];
};
CW_ASSERT(sizeof(struct cw_totals) == 56, "cw_totals is 56 bytes");

/* Filters applied before a record is made; an empty list or a zero means "any". Read-only data. */
struct cw_filter {
	__u32 pid_count;
	__u32 uid_count;
	__u32 local_port_count;
	__u32 peer_port_count;
	__u32 pids[CW_FILTER_LIST];
	__u32 uids[CW_FILTER_LIST];
	__u32 local_ports[CW_FILTER_LIST];
	__u32 peer_ports[CW_FILTER_LIST];
	__u64 cgroup_id;     /* process in this cgroup v2 or below it; 0 any */
	__u32 cgroup_level;  /* its depth below the root */
	__u32 netns;	     /* inode number; 0 any */
	__u32 family;	     /* AF_INET, AF_INET6 (v4-mapped counts as AF_INET); 0 any */
	__u32 unestablished; /* 1: also record failed connection attempts */
};

/* One line of the list of closures still running in the background (iterator output). */
struct cw_pending {
	struct cw_task process;
	__u64 close_ns; /* 0: closed before observation began */
	__u64 now_ns;
	__u32 unacked;	  /* bytes sent and not yet acknowledged, FIN not counted */
	__u32 never_sent; /* bytes not yet sent */
	__u32 netns;
	__u16 local_port;
	__u16 peer_port;
	__u8 family;
	__u8 state;
	__u8 role;
	__u8 _pad[5];
	__u8 local[CW_ADDRESS_LENGTH];
	__u8 peer[CW_ADDRESS_LENGTH];
};
CW_ASSERT(sizeof(struct cw_pending) == 120, "cw_pending is 120 bytes");

#endif
