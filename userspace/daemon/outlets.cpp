// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/outlets.h"

#include <algorithm>

#include "userspace/enrich/host_files.h"

namespace closewatch {

Result<std::unique_ptr<Outlets>> Outlets::start(const Config& config,
                                                const OutletSurroundings& around) {
  std::unique_ptr<Outlets> outlets(new Outlets(around, config.filter.unestablished));
  for (const auto start :
       {&Outlets::start_history, &Outlets::start_metrics, &Outlets::start_alerts}) {
    if (auto started = (outlets.get()->*start)(config); !started.ok()) {
      return std::move(started).error();
    }
  }
  outlets->connect();
  return outlets;
}

Outlets::History Outlets::open_history(const Config& config) const {
  std::string boot = HostFiles().read("/proc/sys/kernel/random/boot_id").value_or("");
  boot.resize(std::min(boot.size(), boot.find('\n')));
  return HistoryOutlet::start(config.history.store,
                              {.boot_id = std::move(boot),
                               .closewatch_version = around_.build.version,
                               .tick_ns = around_.source.tick_ns},
                              around_.log);
}

Result<> Outlets::start_history(const Config& config) {
  if (!config.history.enabled) {
    return {};
  }
  auto history = open_history(config);
  if (!history.ok()) {
    return std::move(history).error();
  }
  history_ = std::move(history).take();
  return {};
}

Result<> Outlets::start_metrics(const Config& config) {
  if (!config.metrics.enabled) {
    return {};
  }
  auto metrics = MetricsOutlet::start(config.metrics, around_.build, around_.pending);
  if (!metrics.ok()) {
    return std::move(metrics).error();
  }
  metrics_ = std::move(metrics).take();
  return {};
}

Result<> Outlets::start_alerts(const Config& config) {
  if (!config.alerts.enabled) {
    return {};
  }
  auto alerts = AlertOutlet::start(config.alerts.settings, around_.source.tick_ns, boot_to_unix_ns_,
                                   around_.log);
  if (!alerts.ok()) {
    return std::move(alerts).error();
  }
  alerts_ = std::move(alerts).take();
  return {};
}

void Outlets::connect() {
  connected_.clear();
  if (history_) {
    connected_.push_back({&history_->sink(), attempts_});
  }
  if (metrics_) {
    connected_.push_back({&metrics_->sink(), true});
  }
  if (alerts_) {
    connected_.push_back({&alerts_->sink(), attempts_});
  }
}

void Outlets::finding(const Finding& finding) {
  const bool attempt = finding.verdict.cls == Class::unestablished;
  for (const Outlet& outlet : connected_) {
    if (!attempt || outlet.attempts) {
      outlet.sink->finding(finding);
    }
  }
}

void Outlets::correction(const Correction& correction) {
  for (const Outlet& outlet : connected_) {
    outlet.sink->correction(correction);
  }
}

void Outlets::gap(const Gap& gap) {
  for (const Outlet& outlet : connected_) {
    outlet.sink->gap(gap);
  }
}

void Outlets::flush() {
  for (const Outlet& outlet : connected_) {
    outlet.sink->flush();
  }
}

std::optional<std::uint64_t> Outlets::due_ns() const {
  return alerts_ ? alerts_->due_ns() : std::nullopt;
}

void Outlets::set_clock(std::int64_t boot_to_unix_ns) {
  boot_to_unix_ns_ = boot_to_unix_ns;
  if (alerts_) {
    alerts_->set_clock(boot_to_unix_ns);
  }
}

void Outlets::take(Readings readings, std::uint64_t now_ns, bool alive) {
  if (alerts_) {
    alerts_->tell_refused(now_ns);
  }
  if (!metrics_) {
    return;
  }
  readings.unix_ns = static_cast<std::int64_t>(now_ns) + boot_to_unix_ns_;
  const std::uint64_t lost = around_.log.lost();
  readings.sinks.push_back({.sink = "log", .taken = around_.log.lines() - lost, .refused = lost});
  if (history_) {
    readings.sinks.push_back(history_->reading());
    readings.history = history_->file();
  }
  if (alerts_) {
    for (SinkReading& reading : alerts_->readings()) {
      readings.sinks.push_back(std::move(reading));
    }
  }
  metrics_->take(std::move(readings), now_ns, alive);
}

void Outlets::prepare(const Config& config) {
  if (config.history.enabled && (!history_ || !history_->is_of(config.history.store.path))) {
    next_history_ = std::async(std::launch::async, [this, config] { return open_history(config); });
  }
}

bool Outlets::prepared() const {
  return !next_history_.valid() ||
         next_history_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

void Outlets::take_over(const Config& config) {
  const auto log_failure = [&](const Result<>& result) {
    if (!result.ok()) {
      around_.log.error(result.error().what);
    }
  };
  std::vector<std::function<void()>> ends;
  std::shared_ptr<HistoryOutlet> last_history;
  if (!config.history.enabled) {
    last_history = std::move(history_);
  } else if (!next_history_.valid()) {
    history_->take_over(config.history.store);
  } else if (auto next = next_history_.get(); !next.ok()) {
    around_.log.error(next.error().what);
  } else {
    last_history = std::exchange(history_, std::move(next).take());
  }
  if (last_history) {
    ends.emplace_back([last_history, this] {
      last_history->stop();
      log_account(around_.log, last_history->account());
    });
  }
  if (!config.metrics.enabled) {
    // Its threads answer until their connection is over.
    ends.emplace_back([old = std::shared_ptr<MetricsOutlet>(std::move(metrics_))] {});
  } else if (!metrics_) {
    log_failure(start_metrics(config));
  } else if (const auto taken = metrics_->take_over(config.metrics); !taken.ok()) {
    around_.log.error(taken.error().what);
  } else if (!*taken) {
    around_.log.warning("metrics: how many processes have series needs a restart");
  }
  if (!config.alerts.enabled) {
    if (alerts_) {
      ends.emplace_back([old = std::shared_ptr<AlertOutlet>(std::move(alerts_)), this] {
        old->stop();
        log_account(around_.log, old->account());
      });
    }
  } else if (!alerts_) {
    log_failure(start_alerts(config));
  } else if (auto end = alerts_->take_over(config.alerts.settings); !end.ok()) {
    around_.log.error("alerts: " + end.error().what);
  } else {
    ends.push_back(std::move(end).take());
  }
  connect();
  retiring_.begin([ends = std::move(ends)] {
    for (const auto& end : ends) {
      end();
    }
  });
}

std::vector<std::string> Outlets::stop() {
  connected_.clear();
  std::vector<std::string> lines;
  if (history_) {
    history_->stop();
    lines = history_->account();
  }
  if (alerts_) {
    alerts_->stop();
    const std::vector<std::string> more = alerts_->account();
    lines.insert(lines.end(), more.begin(), more.end());
  }
  metrics_.reset();
  return lines;
}

}  // namespace closewatch
