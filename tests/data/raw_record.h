// SPDX-License-Identifier: Apache-2.0
// Raw ring buffer records made from decoded values: the inverse of decode(), for tests, fuzz seeds
// and captures to replay. Written from bpf/abi.h alone, so that the two check each other.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "userspace/record/closure.h"

namespace closewatch::testing {

// The bit of each fact and the member that it is decoded to.
struct FactFlag {
  cw_fact bit;
  bool Facts::*member;
};

inline constexpr FactFlag kFactFlags[] = {
    {CW_FACT_DEAD, &Facts::dead},
    {CW_FACT_PEER_FIN, &Facts::peer_fin},
    {CW_FACT_LINGER, &Facts::linger},
    {CW_FACT_REPAIR, &Facts::repair},
    {CW_FACT_OWNED, &Facts::owned},
    {CW_FACT_IN_CLOSE, &Facts::in_close},
    {CW_FACT_NEVER_ACCEPTED, &Facts::never_accepted},
    {CW_FACT_FIN_QUEUED, &Facts::fin_queued},
    {CW_FACT_CLOSING, &Facts::closing},
    {CW_FACT_RESET_CALLED, &Facts::reset_called},
    {CW_FACT_RST_IN, &Facts::rst_in},
    {CW_FACT_NO_RST_IN, &Facts::no_rst_in},
    {CW_FACT_RST_BEFORE, &Facts::rst_before},
    {CW_FACT_RST_AFTER, &Facts::rst_after},
    {CW_FACT_RST_ANSWER, &Facts::rst_answer},
    {CW_FACT_AWAITS_RST, &Facts::awaits_rst},
    {CW_FACT_TIMEWAIT, &Facts::timewait},
    {CW_FACT_LINGER_WAIT, &Facts::linger_wait},
    {CW_FACT_LINGER_ACKED, &Facts::linger_acked},
    {CW_FACT_LINGER_LEFT, &Facts::linger_left},
    {CW_FACT_BEFORE_START, &Facts::before_start},
    {CW_FACT_TLS, &Facts::tls},
    {CW_FACT_MPTCP, &Facts::mptcp},
    {CW_FACT_KERNEL_SOCKET, &Facts::kernel_socket},
    {CW_FACT_ACTIVE_OPEN, &Facts::active_open},
    {CW_FACT_FD_OPEN, &Facts::fd_open},
    {CW_FACT_DISCONNECT, &Facts::disconnect},
    {CW_FACT_STUCK_ORPHAN, &Facts::stuck_orphan},
    {CW_FACT_KEEPALIVE, &Facts::keepalive},
    {CW_FACT_FULL_HOOKS, &Facts::full_hooks},
    {CW_FACT_ABORTED_BY_OTHER, &Facts::aborted_by_other},
    {CW_FACT_PEER_FIN_FIRST, &Facts::peer_fin_first},
    {CW_FACT_LATE_DATA_RESET, &Facts::late_data_reset},
    {CW_FACT_PEER_NEVER_CLOSED, &Facts::peer_never_closed},
    {CW_FACT_RECOVERED, &Facts::recovered},
    {CW_FACT_LINGER_BROKEN, &Facts::linger_broken},
};

// In the order of enum cw_closer_flags.
inline constexpr bool Closer::*kCloserFlags[] = {
    &Closer::closed,    &Closer::shutdown, &Closer::exiting, &Closer::exec,
    &Closer::io_worker, &Closer::io_uring, &Closer::kthread, &Closer::close_call,
};

inline __u64 raw_facts(const Facts& facts) {
  __u64 bits = 0;
  for (const FactFlag& flag : kFactFlags) {
    bits |= facts.*flag.member ? CW_FACT(flag.bit) : 0;
  }
  return bits;
}

inline __u8 raw_closer(const Closer& closer) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < std::size(kCloserFlags); ++i) {
    bits |= closer.*kCloserFlags[i] ? 1U << i : 0;
  }
  return static_cast<__u8>(bits);
}

inline cw_task raw_task(const Task& task) {
  cw_task raw{};
  raw.start_ns = task.start_ns;
  raw.cgroup_id = task.cgroup_id;
  raw.pid = task.pid;
  raw.tid = task.tid;
  raw.uid = task.uid;
  std::memcpy(raw.comm, task.comm_bytes.data(), sizeof raw.comm);
  return raw;
}

inline cw_header raw_header(__u16 type, __u32 size, const ClosureId& id) {
  cw_header raw{};
  raw.abi = CW_ABI_VERSION;
  raw.type = type;
  raw.size = size;
  raw.id = id.end_ns;
  raw.cpu = id.cpu;
  return raw;
}

inline cw_closure raw_record(const Closure& from) {
  cw_closure raw{};
  raw.header = raw_header(CW_RECORD_CLOSURE, sizeof raw, from.id);
  raw.facts = raw_facts(from.facts);
  raw.born_ns = from.born_ns.value_or(0);
  raw.close_ns = from.close_ns.value_or(0);
  raw.end_ns = from.end_ns;
  raw.blocked_ns = from.blocked_ns.value_or(CW_UNKNOWN);
  raw.linger_ns = from.linger_ns.value_or(0);
  raw.sent = from.sent.value_or(CW_UNKNOWN);
  raw.received = from.received.value_or(CW_UNKNOWN);
  raw.never_sent = from.never_sent;
  raw.unacked = from.unacked;
  raw.unread = from.unread;
  raw.linger_jiffies = from.linger_jiffies;
  raw.user_timeout_ms = from.user_timeout_ms;
  raw.send_window = from.send_window;
  raw.netns = from.netns;
  raw.socket_uid = from.socket_uid;
  raw.sock_error = from.sock_error;
  raw.sock_soft_error = from.sock_soft_error;
  raw.rst_reason = from.rst_reason.value_or(-1);
  raw.linger2 = from.linger2;
  raw.exit_code = from.closer.exit_code;
  raw.stack_kernel = from.stack_kernel.value_or(-1);
  raw.stack_user = from.stack_user.value_or(-1);
  raw.local_port = from.local.port;
  raw.peer_port = from.peer.port;
  raw.family = from.family;
  raw.state_at_close = static_cast<__u8>(from.state_at_close);
  raw.final_state = static_cast<__u8>(from.final_state);
  raw.shutdown_flags = from.shutdown_flags;
  raw.role = static_cast<__u8>(from.role);
  raw.closer_flags = raw_closer(from.closer);
  raw.retransmits = from.retransmits;
  raw.probes_out = from.probes_out;
  std::memcpy(raw.local, from.local.address.data(), sizeof raw.local);
  std::memcpy(raw.peer, from.peer.address.data(), sizeof raw.peer);
  raw.process = raw_task(from.process);
  raw.actor = raw_task(from.actor);
  return raw;
}

inline cw_amendment raw_record(const Amendment& from) {
  cw_amendment raw{};
  raw.header = raw_header(CW_RECORD_AMENDMENT, sizeof raw, from.id);
  raw.facts = raw_facts(from.facts);
  raw.time_ns = from.time_ns;
  raw.unread = from.unread;
  raw.rst_reason = from.rst_reason.value_or(-1);
  raw.role = static_cast<__u8>(from.role);
  raw.closer_flags = raw_closer(from.closer);
  raw.process = raw_task(from.process);
  return raw;
}

template <typename Raw>
std::vector<std::byte> bytes_of(const Raw& raw) {
  const auto bytes = std::as_bytes(std::span{&raw, 1});
  return {bytes.begin(), bytes.end()};
}

// The bytes of the record that decode() turns into `value`, a Closure or an Amendment.
template <typename Value>
std::vector<std::byte> encode(const Value& value) {
  return bytes_of(raw_record(value));
}

}  // namespace closewatch::testing
