// SPDX-License-Identifier: Apache-2.0
// What really happened in one play: who was who, which ports, what the kernel's own oracles said
// just before the close, what close() returned. Lies in memory that the script (a process of its
// own) shares with whoever plays it: plain data of fixed size, valid once the play has ended.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "userspace/demo/counters.h"
#include "userspace/demo/family.h"

namespace closewatch::demo {

template <std::size_t kSize>
struct Text {
  std::array<char, kSize> bytes{};

  Text& operator=(std::string_view text) {
    bytes[text.copy(bytes.data(), kSize - 1)] = '\0';
    return *this;
  }
  [[nodiscard]] std::string_view view() const { return bytes.data(); }
};

struct RoleTruth {
  Text<16> name;  // "owner", "closer", "killer", ...
  Text<16> comm;
  pid_t pid = 0;
};

// The socket's queues in bytes: SIOCOUTQNSD, SIOCOUTQ - SIOCOUTQNSD, SIOCINQ.
struct Queues {
  std::uint32_t never_sent = 0;
  std::uint32_t unacked = 0;
  std::uint32_t unread = 0;

  friend bool operator==(const Queues&, const Queues&) = default;
};

struct CloseResult {
  int result = 0;
  int error = 0;  // errno value when result is negative
  pid_t tid = 0;  // thread that closed
  std::int64_t blocked_us = 0;
};

struct ConnectionTruth {
  End local = End::kernel;
  End peer = End::peer;
  std::uint16_t local_port = 0;
  std::uint16_t peer_port = 0;
  std::uint32_t written = 0;   // bytes that the application gave to send()
  std::uint32_t received = 0;  // bytes that the peer sent, in order or not
  bool queues_known = false;
  Queues queues;        // just before the end
  bool closed = false;  // by a measured close()
  CloseResult close;
  bool kernel_sent_rst = false;  // as the peer saw it
  bool peer_sent_rst = false;
};

enum class Outcome : std::uint8_t { unfinished, played, skipped, failed };

inline constexpr std::size_t kMaxRoles = 8;
inline constexpr std::size_t kMaxConnections = 80;

struct Truth {
  Outcome outcome = Outcome::unfinished;
  Text<256> why;              // skipped, failed
  std::uint32_t variant = 0;  // which of the situation's variants this kernel showed
  std::uint32_t role_count = 0;
  std::array<RoleTruth, kMaxRoles> roles{};
  std::uint32_t connection_count = 0;
  std::array<ConnectionTruth, kMaxConnections> connections{};
  Counters counters;             // of the namespace, at the end
  std::uint32_t still_open = 0;  // connections that have not ended by then
  std::uint32_t timewait = 0;    // timewait mini-sockets that are left by then

  [[nodiscard]] const RoleTruth* role(std::string_view name) const {
    for (std::uint32_t i = 0; i < role_count; ++i) {
      if (roles[i].name.view() == name) {
        return &roles[i];
      }
    }
    return nullptr;
  }
};

}  // namespace closewatch::demo
