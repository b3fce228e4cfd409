// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/alert_outlet.h"

#include <fmt/format.h>
#include <unistd.h>

#include "userspace/alert/receivers.h"
#include "userspace/base/clock.h"

namespace closewatch {
namespace {

constexpr std::uint64_t kTellEveryNs = 60'000'000'000;

// `idle`: of receivers too that were offered nothing.
std::vector<std::string> account_of(const alert::Delivery& delivery, bool idle) {
  std::vector<std::string> lines;
  for (const alert::DeliveryCounts& counts : delivery.counts()) {
    if (counts.offered == 0 && !idle) {
      continue;
    }
    lines.push_back(
        fmt::format("alerts to {}: {} offered = {} delivered + {} failed + {} refused + {} left",
                    counts.name, counts.offered, counts.delivered, counts.failed, counts.refused,
                    counts.left + counts.waiting));
    if (const std::uint64_t lost = counts.offered - counts.delivered; lost > 0) {
      lines.push_back(fmt::format("LOST for {}: {} of {} alerts did not get there", counts.name,
                                  lost, counts.offered));
    }
  }
  return lines;
}

// What receivers are set up by.
alert::Settings without_rules(alert::Settings settings) {
  settings.rules.clear();
  settings.without.clear();
  settings.built_in = false;
  settings.storm = {};
  return settings;
}

Result<std::shared_ptr<alert::Delivery>> start_delivery(const alert::Settings& settings,
                                                        const Log& log) {
  auto notifiers = alert::make_notifiers(settings, {STDERR_FILENO, log.priorities()});
  if (!notifiers.ok()) {
    return std::move(notifiers).error();
  }
  auto delivery =
      alert::Delivery::start(std::move(notifiers).take(), settings.queue,
                             [&log](std::string_view name, std::string_view error) {
                               if (error.empty()) {
                                 log.notice(fmt::format("alerts reach {} again", name));
                               } else {
                                 log.error(fmt::format("alerts do not reach {}: {}", name, error));
                               }
                             });
  if (!delivery.ok()) {
    return std::move(delivery).error();
  }
  return std::shared_ptr<alert::Delivery>(std::move(delivery).take());
}

}  // namespace

AlertOutlet::AlertOutlet(const alert::Settings& settings, std::uint64_t tick_ns,
                         std::int64_t boot_to_unix_ns, const Log& log,
                         std::shared_ptr<alert::Delivery> delivery)
    : tick_ns_(tick_ns),
      start_ns_(boot_to_unix_ns),
      log_(log),
      settings_(settings),
      delivery_(std::move(delivery)),
      engine_(alert::engine_settings(settings, tick_ns), {delivery_.get()}),
      feed_(engine_, [this] { return static_cast<std::int64_t>(boot_now_ns()) + start_ns_; }) {
  engine_.set_clock(boot_to_unix_ns);
}

Result<std::unique_ptr<AlertOutlet>> AlertOutlet::start(const alert::Settings& settings,
                                                        std::uint64_t tick_ns,
                                                        std::int64_t boot_to_unix_ns,
                                                        const Log& log) {
  auto delivery = start_delivery(settings, log);
  if (!delivery.ok()) {
    return std::move(delivery).error();
  }
  return std::unique_ptr<AlertOutlet>(
      new AlertOutlet(settings, tick_ns, boot_to_unix_ns, log, std::move(delivery).take()));
}

std::optional<std::uint64_t> AlertOutlet::due_ns() const {
  const auto due = feed_.due_ns();
  return due ? std::optional(static_cast<std::uint64_t>(*due - start_ns_)) : std::nullopt;
}

Result<std::function<void()>> AlertOutlet::take_over(const alert::Settings& settings) {
  if (without_rules(settings) == without_rules(settings_)) {
    engine_.reload(alert::engine_settings(settings, tick_ns_), {delivery_.get()});
    settings_ = settings;
    return std::function<void()>([] {});
  }
  auto delivery = start_delivery(settings, log_);
  if (!delivery.ok()) {
    return std::move(delivery).error();
  }
  engine_.reload(alert::engine_settings(settings, tick_ns_), {delivery->get()});
  std::swap(delivery_, *delivery);
  settings_ = settings;
  told_.clear();
  return std::function<void()>([old = std::move(delivery).take(), &log = log_] {
    old->stop(kPatience);
    log_account(log, account_of(*old, false));
  });
}

void AlertOutlet::tell_refused(std::uint64_t now_ns) {
  const std::vector<alert::DeliveryCounts> all = delivery_->counts();
  told_.resize(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    Told& told = told_[i];
    const alert::DeliveryCounts& counts = all[i];
    if (counts.refused > told.refused && now_ns >= told.next_ns) {
      log_.warning(
          fmt::format("alerts to {}: its queue of {} is full; {} refused since that was "
                      "last told, {} in all",
                      counts.name, settings_.queue, counts.refused - told.refused, counts.refused));
      told = {.refused = counts.refused, .next_ns = now_ns + kTellEveryNs};
    }
  }
}

std::vector<SinkReading> AlertOutlet::readings() const {
  std::vector<SinkReading> out;
  for (const alert::DeliveryCounts& counts : delivery_->counts()) {
    out.push_back({.sink = "alerts to " + counts.name,
                   .taken = counts.offered - counts.refused,
                   .refused = counts.refused,
                   .failed = counts.failed,
                   .queued = static_cast<std::size_t>(counts.waiting),
                   .limit = settings_.queue});
  }
  return out;
}

std::vector<std::string> AlertOutlet::account() const {
  const alert::EngineCounts& engine = engine_.counts();
  std::vector<std::string> lines{fmt::format(
      "alerts: {} closures judged, {} fired, {} told, {} held back, {} resolved", engine.findings,
      engine.fired, engine.announced, engine.held_back, engine.resolved)};
  const std::vector<std::string> receivers = account_of(*delivery_, true);
  lines.insert(lines.end(), receivers.begin(), receivers.end());
  return lines;
}

}  // namespace closewatch
