// SPDX-License-Identifier: Apache-2.0
// Alerts as an outlet of the daemon: the engine on the ring thread, its receivers on theirs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "userspace/alert/delivery.h"
#include "userspace/alert/engine.h"
#include "userspace/alert/feed.h"
#include "userspace/config/config.h"
#include "userspace/daemon/log.h"
#include "userspace/metrics/readings.h"

namespace closewatch {

class AlertOutlet {
 public:
  // `log` must outlive this.
  static Result<std::unique_ptr<AlertOutlet>> start(const alert::Settings& settings,
                                                    std::uint64_t tick_ns,
                                                    std::int64_t boot_to_unix_ns, const Log& log);

  [[nodiscard]] Sink& sink() { return feed_; }
  // When the sink should be flushed although nothing comes (CLOCK_BOOTTIME).
  [[nodiscard]] std::optional<std::uint64_t> due_ns() const;
  // The wall clock was set: what is told from now on has its time.
  void set_clock(std::int64_t boot_to_unix_ns) { engine_.set_clock(boot_to_unix_ns); }

  // Goes over to other settings; rules that stay the same keep their state, and receivers that all
  // stay the same what waits for them, and their counts. Gives what has to be done with others up
  // to now, on another thread: they get 5 s for what waits, and their account is logged. On an
  // error nothing has changed.
  Result<std::function<void()>> take_over(const alert::Settings& settings);

  // What waits for a receiver is delivered within 5 s, or counted. Nothing is taken any more.
  void stop() { delivery_->stop(kPatience); }

  // Logs what receivers refused since that was last told, of each at most once a minute. `now_ns`:
  // CLOCK_BOOTTIME.
  void tell_refused(std::uint64_t now_ns);

  // One reading for each receiver; summed up in `lines` for the account at the end.
  [[nodiscard]] std::vector<SinkReading> readings() const;
  [[nodiscard]] std::vector<std::string> account() const;

 private:
  static constexpr std::chrono::seconds kPatience{5};

  AlertOutlet(const alert::Settings& settings, std::uint64_t tick_ns, std::int64_t boot_to_unix_ns,
              const Log& log, std::shared_ptr<alert::Delivery> delivery);

  std::uint64_t tick_ns_;
  std::int64_t start_ns_;  // time of the engine minus CLOCK_BOOTTIME
  const Log& log_;
  alert::Settings settings_;
  // Of each receiver, in the order of Delivery::counts(); empty after they have changed.
  struct Told {
    std::uint64_t refused = 0;
    std::uint64_t next_ns = 0;  // not before
  };
  std::vector<Told> told_;
  std::shared_ptr<alert::Delivery> delivery_;
  alert::Engine engine_;
  alert::Feed feed_;
};

}  // namespace closewatch
