// SPDX-License-Identifier: Apache-2.0
// The kernel's own counts of how TCP connections ended in one network namespace
// (/proc/<pid>/net/snmp and /proc/<pid>/net/netstat). They are what closewatch is measured by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "userspace/base/result.h"

namespace closewatch {

// Kinds of ends that the kernel counts too. Each equals a number of closures (kernel.md 5).
enum class CountedEnd : std::uint8_t {
  established_reset,  // Tcp EstabResets: ends in ESTABLISHED or CLOSE_WAIT
  abort_on_close,     // TcpExt TCPAbortOnClose: closed with data unread
  abort_on_data,      // TcpExt TCPAbortOnData and TCPAbortOnLinger
  abort_on_memory,    // TcpExt TCPAbortOnMemory
  abort_on_timeout,   // TcpExt TCPAbortOnTimeout, attempts to connect included
};
inline constexpr std::size_t kCountedEnds = 5;

std::string_view name_of(CountedEnd end);

// By CountedEnd, since the namespace was made.
using TcpCounters = std::array<std::uint64_t, kCountedEnds>;

struct TcpCounterFiles {
  std::string snmp = "/proc/self/net/snmp";  // of the namespace of the process in the path
  std::string netstat = "/proc/self/net/netstat";
};

// Errors: a file cannot be read, or does not name a counter that every supported kernel has.
Result<TcpCounters> read_tcp_counters(const TcpCounterFiles& files);

}  // namespace closewatch
