// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/ranking.h"

#include <algorithm>
#include <tuple>

#include "userspace/render/endpoint_text.h"

namespace closewatch {
namespace {

auto rank_of(const ProcessReport& report) {
  const CloseTally& tally = report.tally;
  return std::tuple(report.discarded() + report.unread(),
                    tally.of(Class::abortive) + tally.of(Class::timed_out), report.closures());
}

}  // namespace

std::vector<const ProcessReport*> worst_first(const PerProcess& processes) {
  std::vector<const ProcessReport*> order;
  for (const ProcessReport& report : processes.processes()) {
    if (report.closures() > 0 || report.tally.of(Class::unestablished) > 0) {
      order.push_back(&report);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const ProcessReport* a, const ProcessReport* b) {
    return rank_of(*a) > rank_of(*b);
  });
  return order;
}

std::vector<PeerTally> worst_peers(const ProcessReport& report) {
  std::vector<PeerTally> order = report.peers;
  std::stable_sort(order.begin(), order.end(), [](const PeerTally& a, const PeerTally& b) {
    return std::tie(a.bytes_lost, a.abortive, a.closures) >
           std::tie(b.bytes_lost, b.abortive, b.closures);
  });
  return order;
}

void append_peer(TextBuffer& out, const PeerTally& peer) {
  append_address(out, peer.address);
  if (peer.network) {
    append(out, Endpoint{.address = peer.address}.is_ipv4() ? "/24" : "/64");
  }
}

std::vector<ReasonCount> frequent_reasons(const CloseTally& tally) {
  std::vector<ReasonCount> order;
  for (std::size_t index = 0; index < kReasonCount; ++index) {
    if (tally.reasons[index] > 0) {
      order.push_back({static_cast<Reason>(index), tally.reasons[index]});
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const ReasonCount& a, const ReasonCount& b) { return a.count > b.count; });
  return order;
}

std::vector<ReasonCount> worst_reasons(const CloseTally& tally) {
  std::vector<ReasonCount> bad = frequent_reasons(tally);
  std::erase_if(bad, [](const ReasonCount& each) {
    return class_of(each.reason) != Class::abortive && class_of(each.reason) != Class::timed_out;
  });
  return bad;
}

}  // namespace closewatch
