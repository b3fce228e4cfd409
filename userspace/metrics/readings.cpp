// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/readings.h"

#include <algorithm>

namespace closewatch {
namespace {

std::uint64_t& count_of(PendingReading& reading, TcpState state) {
  switch (state) {
    case TcpState::fin_wait1:
      return reading.fin_wait1;
    case TcpState::fin_wait2:
      return reading.fin_wait2;
    case TcpState::closing:
      return reading.closing;
    case TcpState::last_ack:
      return reading.last_ack;
    default:
      return reading.other_states;
  }
}

}  // namespace

PendingReading summary_of(std::span<const PendingClose> closes) {
  PendingReading reading;
  for (const PendingClose& close : closes) {
    ++count_of(reading, close.state);
    reading.unacked += close.unacked;
    reading.never_sent += close.never_sent;
    reading.oldest_ns = std::max(reading.oldest_ns, close.age_ns.value_or(0));
  }
  return reading;
}

}  // namespace closewatch
