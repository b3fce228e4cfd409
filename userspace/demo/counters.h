// SPDX-License-Identifier: Apache-2.0
// The kernel's own tally of TCP events in one network namespace (/proc/net/snmp,
// /proc/net/netstat). It starts at zero with the namespace, so after a play it is what the play
// did.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace closewatch::demo {

inline constexpr std::array<std::string_view, 22> kCounterNames{"ActiveOpens",
                                                                "PassiveOpens",
                                                                "AttemptFails",
                                                                "EstabResets",
                                                                "CurrEstab",
                                                                "OutRsts",
                                                                "TCPAbortOnClose",
                                                                "TCPAbortOnData",
                                                                "TCPAbortOnLinger",
                                                                "TCPAbortOnMemory",
                                                                "TCPAbortOnTimeout",
                                                                "TCPAbortFailed",
                                                                "EmbryonicRsts",
                                                                "ListenOverflows",
                                                                "ListenDrops",
                                                                "TW",
                                                                "TWKilled",
                                                                "TCPTimeWaitOverflow",
                                                                "TCPChallengeACK",
                                                                "TCPKeepAlive",
                                                                "TCPMigrateReqSuccess",
                                                                "TCPMigrateReqFailure"};

class Counters {
 public:
  // Of the calling thread's namespace.
  static Counters read();

  // nullopt: this kernel has no such counter, or the name is not one of kCounterNames.
  [[nodiscard]] std::optional<std::int64_t> get(std::string_view name) const;

 private:
  static constexpr std::int64_t kAbsent = -1;
  void take(std::string_view names, std::string_view values);

  std::array<std::int64_t, kCounterNames.size()> values_{};
};

}  // namespace closewatch::demo
