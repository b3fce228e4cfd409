// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/decode.h"

#include <sys/socket.h>

#include "bpf/abi.h"

namespace closewatch {
namespace {

constexpr unsigned kFactCount = CW_FACT_COUNT;
constexpr unsigned kAllCloserFlags = (CW_CLOSER_KTHREAD << 1) - 1;
constexpr unsigned kAllShutdownFlags = 3;
static_assert(static_cast<unsigned>(Role::closer) == CW_ROLE_CLOSER);
static_assert(sizeof(Task::comm_bytes) == CW_COMM_LENGTH);
static_assert(sizeof(Endpoint::address) == CW_ADDRESS_LENGTH);

bool facts_known(std::uint64_t bits) { return bits >> kFactCount == 0; }
bool role_known(std::uint8_t role) { return role <= CW_ROLE_CLOSER; }
bool closer_known(std::uint8_t flags) { return (flags & ~kAllCloserFlags) == 0; }
bool state_known(std::uint8_t state) {
  return state <= static_cast<std::uint8_t>(TcpState::new_syn_recv);
}

Facts facts_from(std::uint64_t bits) {
  const auto has = [bits](cw_fact fact) { return (bits >> fact & 1) != 0; };
  return {
      .dead = has(CW_FACT_DEAD),
      .peer_fin = has(CW_FACT_PEER_FIN),
      .linger = has(CW_FACT_LINGER),
      .repair = has(CW_FACT_REPAIR),
      .owned = has(CW_FACT_OWNED),
      .in_close = has(CW_FACT_IN_CLOSE),
      .never_accepted = has(CW_FACT_NEVER_ACCEPTED),
      .fin_queued = has(CW_FACT_FIN_QUEUED),
      .closing = has(CW_FACT_CLOSING),
      .reset_called = has(CW_FACT_RESET_CALLED),
      .rst_in = has(CW_FACT_RST_IN),
      .no_rst_in = has(CW_FACT_NO_RST_IN),
      .rst_before = has(CW_FACT_RST_BEFORE),
      .rst_after = has(CW_FACT_RST_AFTER),
      .rst_answer = has(CW_FACT_RST_ANSWER),
      .awaits_rst = has(CW_FACT_AWAITS_RST),
      .timewait = has(CW_FACT_TIMEWAIT),
      .linger_wait = has(CW_FACT_LINGER_WAIT),
      .linger_acked = has(CW_FACT_LINGER_ACKED),
      .linger_left = has(CW_FACT_LINGER_LEFT),
      .before_start = has(CW_FACT_BEFORE_START),
      .tls = has(CW_FACT_TLS),
      .mptcp = has(CW_FACT_MPTCP),
      .kernel_socket = has(CW_FACT_KERNEL_SOCKET),
      .active_open = has(CW_FACT_ACTIVE_OPEN),
      .fd_open = has(CW_FACT_FD_OPEN),
      .disconnect = has(CW_FACT_DISCONNECT),
      .stuck_orphan = has(CW_FACT_STUCK_ORPHAN),
      .keepalive = has(CW_FACT_KEEPALIVE),
      .full_hooks = has(CW_FACT_FULL_HOOKS),
      .aborted_by_other = has(CW_FACT_ABORTED_BY_OTHER),
      .peer_fin_first = has(CW_FACT_PEER_FIN_FIRST),
      .late_data_reset = has(CW_FACT_LATE_DATA_RESET),
      .peer_never_closed = has(CW_FACT_PEER_NEVER_CLOSED),
      .recovered = has(CW_FACT_RECOVERED),
  };
}

Closer closer_from(std::uint8_t flags, std::int32_t exit_code) {
  return {
      .closed = (flags & CW_CLOSER_CLOSED) != 0,
      .shutdown = (flags & CW_CLOSER_SHUTDOWN) != 0,
      .exiting = (flags & CW_CLOSER_EXITING) != 0,
      .exec = (flags & CW_CLOSER_EXEC) != 0,
      .io_worker = (flags & CW_CLOSER_IO_WORKER) != 0,
      .io_uring = (flags & CW_CLOSER_IO_URING) != 0,
      .kthread = (flags & CW_CLOSER_KTHREAD) != 0,
      .exit_code = exit_code,
  };
}

Task task_from(const cw_task& raw) {
  Task task{.pid = raw.pid,
            .tid = raw.tid,
            .uid = raw.uid,
            .start_ns = raw.start_ns,
            .cgroup_id = raw.cgroup_id};
  std::memcpy(task.comm_bytes.data(), raw.comm, sizeof raw.comm);
  return task;
}

Endpoint endpoint_from(const __u8 (&address)[CW_ADDRESS_LENGTH], std::uint16_t port) {
  Endpoint endpoint{.port = port};
  std::memcpy(endpoint.address.data(), address, sizeof address);
  return endpoint;
}

std::optional<std::uint64_t> unless(std::uint64_t absent, std::uint64_t value) {
  return value == absent ? std::nullopt : std::optional{value};
}

std::optional<std::int32_t> unless_negative(std::int32_t value) {
  return value < 0 ? std::nullopt : std::optional{value};
}

Decoded decode_closure(std::span<const std::byte> record) {
  cw_closure raw;
  std::memcpy(&raw, record.data(), sizeof raw);
  if (!facts_known(raw.facts)) {
    return Rejected{RejectReason::wrong_facts};
  }
  if (!role_known(raw.role)) {
    return Rejected{RejectReason::wrong_role};
  }
  if (!closer_known(raw.closer_flags)) {
    return Rejected{RejectReason::wrong_closer};
  }
  if (!state_known(raw.state_at_close) || !state_known(raw.final_state)) {
    return Rejected{RejectReason::wrong_state};
  }
  if ((raw.shutdown_flags & ~kAllShutdownFlags) != 0) {
    return Rejected{RejectReason::wrong_shutdown};
  }
  if (raw.family != AF_INET && raw.family != AF_INET6) {
    return Rejected{RejectReason::wrong_family};
  }
  return Closure{
      .id = {.end_ns = raw.header.id, .cpu = raw.header.cpu},
      .facts = facts_from(raw.facts),
      .closer = closer_from(raw.closer_flags, raw.exit_code),
      .role = static_cast<Role>(raw.role),
      .process = task_from(raw.process),
      .actor = task_from(raw.actor),
      .state_at_close = static_cast<TcpState>(raw.state_at_close),
      .final_state = static_cast<TcpState>(raw.final_state),
      .shutdown_flags = raw.shutdown_flags,
      .family = raw.family,
      .local = endpoint_from(raw.local, raw.local_port),
      .peer = endpoint_from(raw.peer, raw.peer_port),
      .netns = raw.netns,
      .socket_uid = raw.socket_uid,
      .born_ns = unless(0, raw.born_ns),
      .close_ns = unless(0, raw.close_ns),
      .end_ns = raw.end_ns,
      .blocked_ns = unless(CW_UNKNOWN, raw.blocked_ns),
      .linger_ns = unless(0, raw.linger_ns),
      .sent = unless(CW_UNKNOWN, raw.sent),
      .received = unless(CW_UNKNOWN, raw.received),
      .never_sent = raw.never_sent,
      .unacked = raw.unacked,
      .unread = raw.unread,
      .linger_jiffies = raw.linger_jiffies,
      .user_timeout_ms = raw.user_timeout_ms,
      .send_window = raw.send_window,
      .sock_error = raw.sock_error,
      .sock_soft_error = raw.sock_soft_error,
      .rst_reason = unless_negative(raw.rst_reason),
      .linger2 = raw.linger2,
      .retransmits = raw.retransmits,
      .probes_out = raw.probes_out,
      .stack_kernel = unless_negative(raw.stack_kernel),
      .stack_user = unless_negative(raw.stack_user),
  };
}

Decoded decode_amendment(std::span<const std::byte> record) {
  cw_amendment raw;
  std::memcpy(&raw, record.data(), sizeof raw);
  if (!facts_known(raw.facts)) {
    return Rejected{RejectReason::wrong_facts};
  }
  if (!role_known(raw.role)) {
    return Rejected{RejectReason::wrong_role};
  }
  if (!closer_known(raw.closer_flags)) {
    return Rejected{RejectReason::wrong_closer};
  }
  return Amendment{
      .id = {.end_ns = raw.header.id, .cpu = raw.header.cpu},
      .facts = facts_from(raw.facts),
      .closer = closer_from(raw.closer_flags, 0),
      .role = static_cast<Role>(raw.role),
      .process = task_from(raw.process),
      .time_ns = raw.time_ns,
      .unread = raw.unread,
      .rst_reason = unless_negative(raw.rst_reason),
  };
}

}  // namespace

std::string_view name_of(RejectReason reason) {
  switch (reason) {
    case RejectReason::too_short:
      return "too_short";
    case RejectReason::wrong_abi:
      return "wrong_abi";
    case RejectReason::wrong_type:
      return "wrong_type";
    case RejectReason::wrong_size:
      return "wrong_size";
    case RejectReason::wrong_facts:
      return "wrong_facts";
    case RejectReason::wrong_role:
      return "wrong_role";
    case RejectReason::wrong_closer:
      return "wrong_closer";
    case RejectReason::wrong_state:
      return "wrong_state";
    case RejectReason::wrong_shutdown:
      return "wrong_shutdown";
    case RejectReason::wrong_family:
      return "wrong_family";
  }
  return {};
}

Decoded decode(std::span<const std::byte> record) {
  cw_header header;
  if (record.size() < sizeof header) {
    return Rejected{RejectReason::too_short};
  }
  std::memcpy(&header, record.data(), sizeof header);
  if (header.abi != CW_ABI_VERSION) {
    return Rejected{RejectReason::wrong_abi};
  }
  if (header.type != CW_RECORD_CLOSURE && header.type != CW_RECORD_AMENDMENT) {
    return Rejected{RejectReason::wrong_type};
  }
  const bool closure = header.type == CW_RECORD_CLOSURE;
  const std::size_t size = closure ? sizeof(cw_closure) : sizeof(cw_amendment);
  if (record.size() != size || header.size != size) {
    return Rejected{RejectReason::wrong_size};
  }
  return closure ? decode_closure(record) : decode_amendment(record);
}

}  // namespace closewatch
