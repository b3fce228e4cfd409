// SPDX-License-Identifier: Apache-2.0
// Where the metrics are served, to whom, and within which bounds. The daemon fills it from its
// configuration, whose keys carry the same names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/metrics/close_series.h"

namespace closewatch {

struct MetricsServerSettings {
  // "127.0.0.1:10177", "[::1]:10177": numeric, port 0 for any. Empty: none.
  std::vector<std::string> listen = {"127.0.0.1:10177"};
  // Allows addresses other than loopback in `listen`, and then wants a token.
  bool beyond_loopback = false;
  // Asked of every TCP client for /metrics as "Authorization: Bearer TOKEN". Empty: none. The unix
  // socket is guarded by its mode alone.
  std::string token = {};
  std::string socket_path = "/run/closewatch/metrics.sock";  // empty: none
  std::uint32_t socket_mode = 0660;

  // Of each listening socket.
  std::uint32_t connections = 32;             // at a time
  std::uint32_t connections_per_address = 8;  // at a time, TCP
  std::uint32_t idle_seconds = 10;            // a connection without progress ends
  std::uint32_t overdue_seconds = 20;         // an older one gives way when there is no room
  std::uint32_t connection_bytes = 8192;      // a request line with its headers
  std::uint32_t page_age_ms = 1000;           // scrapes within share one page

  friend bool operator==(const MetricsServerSettings&, const MetricsServerSettings&) = default;
};

struct SettingProblem {
  std::string_view key;  // of MetricsServerSettings or SeriesLimits
  std::string what;      // "token is shorter than 16 characters"
  std::string hint;
};

// Everything that is wrong with `settings`; empty when it may be used.
std::vector<SettingProblem> problems_of(const MetricsServerSettings& settings);
std::vector<SettingProblem> problems_of(const SeriesLimits& limits);

}  // namespace closewatch
