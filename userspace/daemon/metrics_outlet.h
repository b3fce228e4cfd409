// SPDX-License-Identifier: Apache-2.0
// Metrics as an outlet of the daemon: counted on the ring thread, served by threads of their own.
#pragma once

#include <atomic>
#include <memory>

#include "userspace/config/config.h"
#include "userspace/daemon/pending_watch.h"
#include "userspace/metrics/metrics.h"
#include "userspace/metrics/metrics_server.h"

namespace closewatch {

class MetricsOutlet {
 public:
  // Errors: an address or a path that cannot be listened on.
  static Result<std::unique_ptr<MetricsOutlet>> start(const MetricsSettings& settings,
                                                      BuildInfo build, PendingWatch::Read pending);

  [[nodiscard]] Sink& sink() { return metrics_; }

  // The numbers of this moment; `now_ns`: CLOCK_BOOTTIME. `alive`: what /healthz says from now on.
  void take(Readings readings, std::uint64_t now_ns, bool alive);

  // Listens where the new settings say; counts stay. Bounds of the series need a restart: false.
  // Where that cannot be done it is an error, and they listen where they did.
  Result<bool> take_over(const MetricsSettings& settings);

 private:
  MetricsOutlet(const MetricsSettings& settings, BuildInfo build, PendingWatch::Read pending)
      : settings_(settings),
        metrics_(settings.series, std::move(build)),
        pending_(std::move(pending)) {}
  Result<> listen();

  MetricsSettings settings_;
  Metrics metrics_;
  PendingWatch pending_;
  std::atomic<bool> alive_ = true;
  std::unique_ptr<MetricsServer> server_;  // uses all of the above
};

}  // namespace closewatch
