// SPDX-License-Identifier: Apache-2.0
// The decoded facts of one ended connection, and of a late amendment to it: what the kernel said,
// in C++ types, with unknown values as std::nullopt. No meaning is added here; classify/ does that.
// Values of these types are plain data and are copied freely.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace closewatch {

// TCP states, with the kernel's numbers (include/net/tcp_states.h, all supported versions).
enum class TcpState : std::uint8_t {
  none = 0,
  established = 1,
  syn_sent = 2,
  syn_recv = 3,
  fin_wait1 = 4,
  fin_wait2 = 5,
  time_wait = 6,
  close = 7,
  close_wait = 8,
  last_ack = 9,
  listen = 10,
  closing = 11,
  new_syn_recv = 12,
};

// The name as the kernel and ss(8) write it, for example "CLOSE_WAIT"; empty for none.
std::string_view name_of(TcpState state);

// What a process is to the socket (enum cw_role).
enum class Role : std::uint8_t { none, holder, opener, acceptor, user, listener, closer };

// A process as it was at the moment of an event.
struct Task {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t uid = 0;
  std::uint64_t start_ns = 0;         // CLOCK_BOOTTIME; 0 when the kernel cannot tell
  std::uint64_t cgroup_id = 0;        // cgroup v2; 0 unknown
  std::array<char, 16> comm_bytes{};  // of the process (5.10: of the thread); raw bytes, its choice

  [[nodiscard]] bool known() const { return pid != 0; }
  [[nodiscard]] std::string_view comm() const {
    return {comm_bytes.data(), ::strnlen(comm_bytes.data(), comm_bytes.size())};
  }
  friend bool operator==(const Task&, const Task&) = default;
};

// An endpoint: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d; port in host order.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;

  [[nodiscard]] bool is_ipv4() const {
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(address.data(), kMapped.data(), kMapped.size()) == 0;
  }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Names a closure for as long as the host runs: end of the connection and the CPU that recorded it.
struct ClosureId {
  std::uint64_t end_ns = 0;
  std::uint32_t cpu = 0;
  friend auto operator<=>(const ClosureId&, const ClosureId&) = default;

  // Ends that are close in time differ in their low bits: multiplying spreads them over the high
  // ones.
  [[nodiscard]] std::uint64_t hash() const {
    return (end_ns + cpu * 0x10001ULL) * 0x9e3779b97f4a7c15ULL;
  }
};

// The yes/no facts (enum cw_fact in bpf/abi.h has the definition of each).
struct Facts {
  bool dead = false;
  bool peer_fin = false;
  bool linger = false;
  bool repair = false;
  bool owned = false;
  bool in_close = false;
  bool never_accepted = false;
  bool fin_queued = false;
  bool closing = false;
  bool reset_called = false;
  bool rst_in = false;
  bool no_rst_in = false;
  bool rst_before = false;
  bool rst_after = false;
  bool rst_answer = false;
  bool awaits_rst = false;
  bool timewait = false;
  bool linger_wait = false;
  bool linger_acked = false;
  bool linger_left = false;
  bool before_start = false;
  bool tls = false;
  bool mptcp = false;
  bool kernel_socket = false;
  bool active_open = false;
  bool fd_open = false;
  bool disconnect = false;
  bool stuck_orphan = false;
  bool keepalive = false;
  bool full_hooks = false;
  bool aborted_by_other = false;
  bool peer_fin_first = false;
  bool late_data_reset = false;
  bool peer_never_closed = false;
  bool recovered = false;
  bool linger_broken = false;

  friend bool operator==(const Facts&, const Facts&) = default;
};

// How the closer was running (enum cw_closer_flags).
struct Closer {
  bool closed = false;
  bool shutdown = false;
  bool exiting = false;
  bool exec = false;
  bool io_worker = false;
  bool io_uring = false;
  bool kthread = false;
  bool close_call = false;
  std::int32_t exit_code = 0;  // valid when exiting: low 7 bits the signal, bits 8..15 the status

  friend bool operator==(const Closer&, const Closer&) = default;
};

// One ended connection. Times are CLOCK_BOOTTIME nanoseconds, sizes are application bytes.
struct Closure {
  ClosureId id;
  Facts facts;
  Closer closer;
  Role role = Role::none;  // of `process`
  Task process;            // strongest role seen; unknown() when none was
  Task actor;              // acted on a socket not its own (SOCK_DESTROY, closer of a listener)

  TcpState state_at_close = TcpState::none;  // none: the application never closed nor shut down
  TcpState final_state = TcpState::none;
  std::uint8_t shutdown_flags = 0;  // sk_shutdown: 1 receive, 2 send
  std::uint8_t family = 0;          // AF_INET or AF_INET6 of the socket; addresses tell v4-mapped
  Endpoint local;
  Endpoint peer;
  std::uint32_t netns = 0;  // inode number
  std::uint32_t socket_uid = 0;

  std::optional<std::uint64_t> born_ns;     // established
  std::optional<std::uint64_t> close_ns;    // the last reference was released
  std::uint64_t end_ns = 0;                 // switch to CLOSE
  std::optional<std::uint64_t> blocked_ns;  // close() kept its caller so long
  std::optional<std::uint64_t> linger_ns;   // from close to the first event after a linger wait

  std::optional<std::uint64_t> sent;
  std::optional<std::uint64_t> received;
  std::uint32_t never_sent = 0;
  std::uint32_t unacked = 0;
  std::uint32_t unread = 0;

  std::uint32_t linger_jiffies = 0;  // sk_lingertime; Facts::linger says whether it counts
  std::uint32_t user_timeout_ms = 0;
  std::uint32_t send_window = 0;
  std::int32_t sock_error = 0;  // errno value, 0 none
  std::int32_t sock_soft_error = 0;
  std::optional<std::int32_t> rst_reason;  // enum sk_rst_reason of the kernel that recorded it
  std::int32_t linger2 = 0;
  std::uint8_t retransmits = 0;
  std::uint8_t probes_out = 0;
  std::optional<std::int32_t> stack_kernel;
  std::optional<std::int32_t> stack_user;

  [[nodiscard]] std::uint64_t discarded() const { return std::uint64_t{never_sent} + unacked; }
  friend bool operator==(const Closure&, const Closure&) = default;
};

// A late fact about a closure that was recorded before.
struct Amendment {
  ClosureId id;
  Facts facts;  // those that become true
  Closer closer;
  Role role = Role::none;
  Task process;  // who closed at last, when the closure did not know
  std::uint64_t time_ns = 0;
  std::uint32_t unread = 0;
  std::optional<std::int32_t> rst_reason;

  friend bool operator==(const Amendment&, const Amendment&) = default;
};

}  // namespace closewatch
