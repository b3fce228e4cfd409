// SPDX-License-Identifier: Apache-2.0
// Serves /metrics and /healthz by HTTP. Every listening socket has a thread of its own; a
// connection is good for one request; what a client can cost in memory, connections and time is
// bounded by the settings, and everything refused is counted on the page itself.
#pragma once

#include <prometheus/collectable.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/metrics/listener.h"
#include "userspace/metrics/request.h"
#include "userspace/metrics/server_settings.h"

namespace closewatch {

class Responses;

// Since the start, of all listening sockets together.
struct ServerCounts {
  std::array<std::uint64_t, kAnswers> answers{};
  std::uint64_t full = 0;          // refused: no room
  std::uint64_t address_full = 0;  // refused: no room for more of this address
  std::uint64_t evicted = 0;       // gave way to others
  // Ended without an answer of ours: slow, given up, oversized or no HTTP; those evicted too, if
  // their answer was not ready.
  std::uint64_t unanswered = 0;
  std::uint64_t connections = 0;  // now
};

class MetricsServer final {
 public:
  // `metrics` must outlive the server and, like `healthy`, is asked from its threads. `healthy`
  // answers /healthz. Errors: the HTTP server cannot be started.
  static Result<std::unique_ptr<MetricsServer>> start(std::vector<Listener> listeners,
                                                      MetricsServerSettings settings,
                                                      const prometheus::Collectable& metrics,
                                                      std::function<bool()> healthy);

  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  // Ends every connection, joins the threads, closes the sockets and removes their files.
  ~MetricsServer();

  [[nodiscard]] ServerCounts counts() const;

 private:
  class Port;

  MetricsServer(MetricsServerSettings settings, const prometheus::Collectable& metrics,
                std::function<bool()> healthy);

  const MetricsServerSettings settings_;
  const prometheus::Collectable& metrics_;
  const std::function<bool()> healthy_;
  std::array<std::atomic<std::uint64_t>, kAnswers> answers_{};
  std::atomic<std::uint64_t> full_ = 0;
  std::atomic<std::uint64_t> address_full_ = 0;
  std::atomic<std::uint64_t> evicted_ = 0;
  std::atomic<std::uint64_t> unanswered_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::unique_ptr<Responses> responses_;
  std::vector<std::unique_ptr<Port>> ports_;  // their threads use all of the above
};

}  // namespace closewatch
