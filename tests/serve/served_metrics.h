// SPDX-License-Identifier: Apache-2.0
// Metrics behind a server on a port of its own, and findings to give them.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/metrics/closures.h"
#include "tests/unit/metrics/http_client.h"
#include "userspace/metrics/listener.h"
#include "userspace/metrics/metrics.h"
#include "userspace/metrics/metrics_server.h"

namespace closewatch::serve {

class ServedMetrics {
 public:
  explicit ServedMetrics(std::size_t processes = 200)
      : metrics_({.processes = processes, .idle_minutes = 60}, {"0.1.0", "full"}) {
    MetricsServerSettings settings;
    settings.listen = {"127.0.0.1:0"};
    settings.socket_path.clear();
    settings.page_age_ms = 0;
    auto listeners = open_listeners(settings);
    if (!listeners) {
      throw std::runtime_error(listeners.error().what);
    }
    port_ = port_of(listeners->front().fd.get());
    auto server =
        MetricsServer::start(std::move(listeners).take(), settings, metrics_, [] { return true; });
    if (!server) {
      throw std::runtime_error(server.error().what);
    }
    server_ = std::move(server).take();
  }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The body that a scrape gets.
  [[nodiscard]] std::string page() const {
    const std::string response =
        HttpClient::tcp(port_).ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    return response.substr(response.find("\r\n\r\n") + 4);
  }

  // Each closure ends a nanosecond after the one before.
  Finding next(std::string_view comm, Reason reason,
               std::optional<Initiator> initiator = Initiator::local) {
    return closure_of(comm, reason, ++end_ns_, initiator);
  }
  Finding next_lossy(std::string_view comm, std::uint32_t discarded, std::uint32_t unread) {
    return lossy_closure_of(comm, ++end_ns_, discarded, unread);
  }
  Metrics* operator->() { return &metrics_; }

  // Readings that say when they were taken: once a scrape shows that time, it shows all that was
  // given before.
  void take(std::int64_t unix_s, Readings readings = {}, std::uint64_t now_ns = 0) {
    readings.unix_ns = unix_s * 1'000'000'000;
    metrics_.take(std::move(readings), now_ns);
  }

 private:
  Metrics metrics_;
  std::uint64_t end_ns_ = 0;
  std::uint16_t port_ = 0;
  std::unique_ptr<MetricsServer> server_;
};

}  // namespace closewatch::serve
