// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/coverage.h"

#include <algorithm>
#include <optional>

namespace closewatch {
namespace {

// mptcp_do_fastclose() sends the RST before it ends the subflow, close() of a TCP socket after
// that.
bool fast_closed(const Facts& facts) { return facts.mptcp && facts.rst_before; }

// The kernel's count of aborts that this end is in (kernel.md 5).
std::optional<CountedEnd> counted_abort(const Finding& finding) {
  const Facts& facts = finding.closure.facts;
  switch (finding.verdict.reason) {
    case Reason::unread_data:  // but what MPTCP resets itself is not counted
      return fast_closed(facts) ? std::nullopt : std::optional{CountedEnd::abort_on_close};
    case Reason::linger_zero:
      return fast_closed(facts) ? std::nullopt : std::optional{CountedEnd::abort_on_data};
    case Reason::linger2:
      return CountedEnd::abort_on_data;
    case Reason::data_after_close:  // but data that reaches a timewait socket is not counted
      return facts.late_data_reset ? std::nullopt : std::optional{CountedEnd::abort_on_data};
    case Reason::closed_in_syn_sent:
      return finding.verdict.linger == LingerOutcome::zero
                 ? std::optional{CountedEnd::abort_on_data}
                 : std::nullopt;
    case Reason::orphan_limit:
      return CountedEnd::abort_on_memory;
    case Reason::retransmission:
    case Reason::fin_unacked:
    case Reason::zero_window:
    case Reason::keepalive:
    case Reason::user_timeout:
    case Reason::connect_timeout:
      return CountedEnd::abort_on_timeout;
    default:
      return std::nullopt;
  }
}

template <typename Namespaces>
auto find(Namespaces& namespaces, std::uint32_t netns) {
  return std::find_if(namespaces.begin(), namespaces.end(),
                      [netns](const auto& each) { return each.netns == netns; });
}

}  // namespace

void Coverage::finding(const Finding& finding) {
  const auto found = find(namespaces_, finding.closure.netns);
  if (found == namespaces_.end()) {
    return;
  }
  if (const auto end = counted_abort(finding)) {
    ++found->seen[static_cast<std::size_t>(*end)];
  }
  const TcpState state = finding.closure.final_state;
  if (state == TcpState::established || state == TcpState::close_wait) {
    ++found->seen[static_cast<std::size_t>(CountedEnd::established_reset)];
  }
}

void Coverage::amended(std::uint32_t netns, Reason reason) {
  const auto found = find(namespaces_, netns);
  if (found != namespaces_.end() && reason == Reason::data_after_close) {
    ++found->seen[static_cast<std::size_t>(CountedEnd::abort_on_data)];
  }
}

void Coverage::take(const std::vector<NamespaceReading>& readings) {
  std::erase_if(namespaces_, [&readings](const NamespaceCoverage& each) {
    return find(readings, each.netns) == readings.end();
  });
  for (const NamespaceReading& reading : readings) {
    if (const auto found = find(namespaces_, reading.netns); found != namespaces_.end()) {
      found->last = reading.counters;
    } else {
      namespaces_.push_back({reading.netns, reading.name, reading.counters, reading.counters, {}});
    }
  }
}

}  // namespace closewatch
