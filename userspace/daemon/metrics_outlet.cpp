// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/metrics_outlet.h"

#include <utility>

#include "userspace/daemon/default_directory.h"

namespace closewatch {

Result<std::unique_ptr<MetricsOutlet>> MetricsOutlet::start(const MetricsSettings& settings,
                                                            BuildInfo build,
                                                            PendingWatch::Read pending) {
  std::unique_ptr<MetricsOutlet> outlet(
      new MetricsOutlet(settings, std::move(build), std::move(pending)));
  if (auto listening = outlet->listen(); !listening.ok()) {
    return std::move(listening).error();
  }
  return outlet;
}

Result<> MetricsOutlet::listen() {
  make_default_directory(settings_.server.socket_path, MetricsServerSettings{}.socket_path);
  auto listeners = open_listeners(settings_.server);
  if (!listeners.ok()) {
    return std::move(listeners).error().context("metrics");
  }
  auto server = MetricsServer::start(std::move(listeners).take(), settings_.server, metrics_,
                                     [this] { return alive_.load(); });
  if (!server.ok()) {
    return std::move(server).error().context("metrics");
  }
  server_ = std::move(server).take();
  return {};
}

void MetricsOutlet::take(Readings readings, std::uint64_t now_ns, bool alive) {
  alive_ = alive;
  readings.pending = pending_.latest();
  metrics_.take(std::move(readings), now_ns);
}

Result<bool> MetricsOutlet::take_over(const MetricsSettings& settings) {
  const bool bounds = settings.series == settings_.series;
  if (server_ && settings.server == settings_.server) {
    return bounds;
  }
  server_.reset();  // an address can be listened on once
  const MetricsServerSettings before = std::exchange(settings_.server, settings.server);
  auto listening = listen();
  if (listening.ok()) {
    return bounds;
  }
  settings_.server = before;
  static_cast<void>(listen());  // the next reload tries again if that fails too
  return std::move(listening).error();
}

}  // namespace closewatch
