// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/decode.h"

#include <sys/socket.h>

#include <bit>
#include <cstring>
#include <optional>

#include "bpf/abi.h"

namespace closewatch {
namespace {

constexpr unsigned kFactCount = CW_FACT_COUNT;
static_assert(sizeof(Facts) == kFactCount && std::endian::native == std::endian::little);
constexpr unsigned kAllShutdownFlags = 3;
static_assert(static_cast<unsigned>(Role::closer) == CW_ROLE_CLOSER);
static_assert(sizeof(Task::comm_bytes) == CW_COMM_LENGTH);
static_assert(sizeof(Endpoint::address) == CW_ADDRESS_LENGTH);

bool facts_known(std::uint64_t bits) { return bits >> kFactCount == 0; }
bool role_known(std::uint8_t role) { return role <= CW_ROLE_CLOSER; }
bool state_known(std::uint8_t state) {
  return state <= static_cast<std::uint8_t>(TcpState::new_syn_recv);
}

// Each of the lowest eight bits as a byte.
std::uint64_t eight_bytes(std::uint64_t bits) {
  constexpr std::uint64_t kEachByte = 0x0101010101010101;
  const std::uint64_t one_bit_each = (bits & 0xff) * kEachByte & 0x8040201008040201;
  return (one_bit_each + 0x7f * kEachByte) >> 7 & kEachByte;
}

// Values are set where they stay, here and below: one that is put together elsewhere and then
// copied is read back before the CPU has stored its bytes, which takes longer than all else about
// it. Facts has its members in the order of the bits.
void set(Facts& facts, std::uint64_t bits) {
  auto* to = reinterpret_cast<std::byte*>(&facts);
  for (std::size_t left = sizeof facts / 8; left > 0; --left, to += 8, bits >>= 8) {
    const std::uint64_t bytes = eight_bytes(bits);
    std::memcpy(to, &bytes, 8);
  }
  const std::uint64_t rest = eight_bytes(bits);
  std::memcpy(to, &rest, sizeof facts % 8);
}

void set(Closer& closer, std::uint8_t flags, std::int32_t exit_code) {
  closer.closed = (flags & CW_CLOSER_CLOSED) != 0;
  closer.shutdown = (flags & CW_CLOSER_SHUTDOWN) != 0;
  closer.exiting = (flags & CW_CLOSER_EXITING) != 0;
  closer.exec = (flags & CW_CLOSER_EXEC) != 0;
  closer.io_worker = (flags & CW_CLOSER_IO_WORKER) != 0;
  closer.io_uring = (flags & CW_CLOSER_IO_URING) != 0;
  closer.kthread = (flags & CW_CLOSER_KTHREAD) != 0;
  closer.close_call = (flags & CW_CLOSER_CALL) != 0;
  closer.exit_code = exit_code;
}

void set(Task& task, const cw_task& raw) {
  task.pid = raw.pid;
  task.tid = raw.tid;
  task.uid = raw.uid;
  task.start_ns = raw.start_ns;
  task.cgroup_id = raw.cgroup_id;
  std::memcpy(task.comm_bytes.data(), raw.comm, sizeof raw.comm);
}

void set(Endpoint& endpoint, const __u8 (&address)[CW_ADDRESS_LENGTH], std::uint16_t port) {
  std::memcpy(endpoint.address.data(), address, sizeof address);
  endpoint.port = port;
}

std::optional<std::uint64_t> unless(std::uint64_t absent, std::uint64_t value) {
  return value == absent ? std::nullopt : std::optional{value};
}

std::optional<std::int32_t> unless_negative(std::int32_t value) {
  return value < 0 ? std::nullopt : std::optional{value};
}

std::optional<RejectReason> problem_of(const cw_closure& raw) {
  if (!facts_known(raw.facts)) {
    return RejectReason::wrong_facts;
  }
  if (!role_known(raw.role)) {
    return RejectReason::wrong_role;
  }
  if (!state_known(raw.state_at_close) || !state_known(raw.final_state)) {
    return RejectReason::wrong_state;
  }
  if ((raw.shutdown_flags & ~kAllShutdownFlags) != 0) {
    return RejectReason::wrong_shutdown;
  }
  if (raw.family != AF_INET && raw.family != AF_INET6) {
    return RejectReason::wrong_family;
  }
  return std::nullopt;
}

std::optional<RejectReason> problem_of(const cw_amendment& raw) {
  if (!facts_known(raw.facts)) {
    return RejectReason::wrong_facts;
  }
  if (!role_known(raw.role)) {
    return RejectReason::wrong_role;
  }
  return std::nullopt;
}

void set(Closure& closure, const cw_closure& raw) {
  closure.id = {.end_ns = raw.header.id, .cpu = raw.header.cpu};
  set(closure.facts, raw.facts);
  set(closure.closer, raw.closer_flags, raw.exit_code);
  closure.role = static_cast<Role>(raw.role);
  set(closure.process, raw.process);
  set(closure.actor, raw.actor);
  closure.state_at_close = static_cast<TcpState>(raw.state_at_close);
  closure.final_state = static_cast<TcpState>(raw.final_state);
  closure.shutdown_flags = raw.shutdown_flags;
  closure.family = raw.family;
  set(closure.local, raw.local, raw.local_port);
  set(closure.peer, raw.peer, raw.peer_port);
  closure.netns = raw.netns;
  closure.socket_uid = raw.socket_uid;
  closure.born_ns = unless(0, raw.born_ns);
  closure.close_ns = unless(0, raw.close_ns);
  closure.end_ns = raw.end_ns;
  closure.blocked_ns = unless(CW_UNKNOWN, raw.blocked_ns);
  closure.linger_ns = unless(0, raw.linger_ns);
  closure.sent = unless(CW_UNKNOWN, raw.sent);
  closure.received = unless(CW_UNKNOWN, raw.received);
  closure.never_sent = raw.never_sent;
  closure.unacked = raw.unacked;
  closure.unread = raw.unread;
  closure.linger_jiffies = raw.linger_jiffies;
  closure.user_timeout_ms = raw.user_timeout_ms;
  closure.send_window = raw.send_window;
  closure.sock_error = raw.sock_error;
  closure.sock_soft_error = raw.sock_soft_error;
  closure.rst_reason = unless_negative(raw.rst_reason);
  closure.linger2 = raw.linger2;
  closure.retransmits = raw.retransmits;
  closure.probes_out = raw.probes_out;
  closure.stack_kernel = unless_negative(raw.stack_kernel);
  closure.stack_user = unless_negative(raw.stack_user);
}

void set(Amendment& amendment, const cw_amendment& raw) {
  amendment.id = {.end_ns = raw.header.id, .cpu = raw.header.cpu};
  set(amendment.facts, raw.facts);
  set(amendment.closer, raw.closer_flags, 0);
  amendment.role = static_cast<Role>(raw.role);
  set(amendment.process, raw.process);
  amendment.time_ns = raw.time_ns;
  amendment.unread = raw.unread;
  amendment.rst_reason = unless_negative(raw.rst_reason);
}

// `record` is as large as Raw, but lies anywhere.
template <typename Value, typename Raw>
void set(Decoded& decoded, std::span<const std::byte> record) {
  Raw raw;
  std::memcpy(&raw, record.data(), sizeof raw);
  if (const auto problem = problem_of(raw)) {
    decoded.emplace<Rejected>(Rejected{*problem});
  } else {
    set(decoded.emplace<Value>(), raw);
  }
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
  Decoded decoded(Rejected{RejectReason::too_short});
  RejectReason& problem = std::get_if<Rejected>(&decoded)->reason;
  cw_header header;
  if (record.size() < sizeof header) {
    return decoded;
  }
  std::memcpy(&header, record.data(), sizeof header);
  const bool closure = header.type == CW_RECORD_CLOSURE;
  const std::size_t size = closure ? sizeof(cw_closure) : sizeof(cw_amendment);
  if (header.abi != CW_ABI_VERSION) {
    problem = RejectReason::wrong_abi;
  } else if (!closure && header.type != CW_RECORD_AMENDMENT) {
    problem = RejectReason::wrong_type;
  } else if (record.size() != size || header.size != size) {
    problem = RejectReason::wrong_size;
  } else if (closure) {
    set<Closure, cw_closure>(decoded, record);
  } else {
    set<Amendment, cw_amendment>(decoded, record);
  }
  return decoded;
}

}  // namespace closewatch
