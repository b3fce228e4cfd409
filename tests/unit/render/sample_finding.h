// SPDX-License-Identifier: Apache-2.0
// The closure of the example in design.md section 3, and the parts to build others.
#pragma once

#include <algorithm>
#include <string_view>

#include "userspace/pipeline/finding.h"

namespace closewatch {

inline constexpr std::int64_t kNoon = 1'769'860'800'000'000'000;  // 2026-01-31T12:00:00Z
inline constexpr std::uint64_t kTick = 4'000'000;                 // 250 Hz

// Every byte of a name, also NUL, as far as the kernel's 16 bytes take it.
inline void set_comm(Task& task, std::string_view name) {
  task.comm_bytes = {};
  std::copy_n(name.begin(), std::min(name.size(), task.comm_bytes.size() - 1),
              task.comm_bytes.begin());
}

inline Task task_of(std::uint32_t pid, std::string_view comm, std::uint32_t uid) {
  Task task;
  task.pid = pid;
  task.tid = pid;
  task.uid = uid;
  task.start_ns = 5'000'000'000;
  set_comm(task, comm);
  return task;
}

inline Endpoint ipv4(std::array<std::uint8_t, 4> bytes, std::uint16_t port) {
  Endpoint endpoint{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, port};
  std::copy(bytes.begin(), bytes.end(), endpoint.address.begin() + 12);
  return endpoint;
}

inline Endpoint ipv6(std::array<std::uint8_t, 16> bytes, std::uint16_t port) {
  return {bytes, port};
}

inline constexpr std::array<std::uint8_t, 16> kLongIpv6{
    0x20, 0x01, 0x0d, 0xb8, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc};

inline Finding sample_finding() {
  Finding finding;
  Closure& closure = finding.closure;
  closure.id = {100'000'090'211'000, 3};
  closure.facts.tls = true;
  closure.facts.full_hooks = true;
  closure.facts.rst_after = true;
  closure.closer.closed = true;
  closure.role = Role::closer;
  closure.process = task_of(812, "nginx", 33);
  closure.state_at_close = TcpState::established;
  closure.final_state = TcpState::established;
  closure.local = ipv4({10, 0, 0, 1}, 80);
  closure.peer = ipv4({10, 0, 0, 9}, 50122);
  closure.netns = 4026531840;
  closure.born_ns = 100'000'000'000'000;
  closure.end_ns = 100'000'090'211'000;
  closure.sent = 5124;
  closure.received = 900;
  closure.unread = 300;
  Verdict& verdict = finding.verdict;
  verdict.cls = Class::abortive;
  verdict.reason = Reason::unread_data;
  verdict.rule = "unread_data";
  verdict.lost = true;
  verdict.initiator = Initiator::local;
  verdict.closed_by = ClosedBy::close;
  verdict.blocked_us = 12;
  finding.process.exe = "nginx";
  finding.process.cgroup = "/system.slice/nginx.service";
  finding.process.start_unix_ns = kNoon - 100'000'000'000;
  finding.end_unix_ns = kNoon + 123'456'789;
  finding.id = "188ff5c3a1b2c3d4-3";
  finding.rst_reason = "TCP_ABORT_ON_CLOSE";
  return finding;
}

// A late fact about the sample, without the fact.
inline Correction sample_correction() {
  Correction correction;
  correction.amends = "188ff5c3a1b2c3d4-3";
  correction.unix_ns = kNoon + 2'000'000'000;
  correction.amendment.id = sample_finding().closure.id;
  return correction;
}

inline Verdict data_after_close() {
  Verdict verdict;
  verdict.cls = Class::abortive;
  verdict.reason = Reason::data_after_close;
  verdict.rule = "data_after_close";
  verdict.initiator = Initiator::local;
  return verdict;
}

}  // namespace closewatch
