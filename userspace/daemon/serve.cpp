// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/serve.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/daemon/heartbeat.h"
#include "userspace/daemon/log.h"
#include "userspace/daemon/notify.h"
#include "userspace/daemon/outlets.h"
#include "userspace/daemon/privileges.h"
#include "userspace/enrich/filter_targets.h"
#include "userspace/enrich/process_enricher.h"
#include "userspace/metrics/tcp_counters.h"
#include "userspace/observe/filters.h"
#include "userspace/observe/live.h"
#include "userspace/pipeline/pipeline.h"

namespace closewatch {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// How often the daemon looks at itself, records or none.
constexpr std::uint64_t kLookNs = 5 * kSecond;
// How soon a reload that had to wait is tried again.
constexpr std::uint64_t kRetryNs = kSecond / 10;

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t lost_closures(const KernelCounters& kernel) {
  return kernel.lost_ring + kernel.lost_ledger;
}

// Every closure of the host is observed.
bool is_unfiltered(FilterOptions filter) {
  filter.unestablished = false;
  return filter == FilterOptions{};
}

Result<Config> config_of(const ServeOptions& options) {
  return options.config_path.empty() ? Config{} : load_config(options.config_path);
}

// Of the running daemon: all of it is done by the ring thread.
class Daemon {
 public:
  Daemon(const ServeOptions& options, Config config, const Log& log, ServiceManager& manager,
         Live& live, Selection selection, Outlets& outlets)
      : options_(options),
        config_(std::move(config)),
        log_(log),
        manager_(manager),
        live_(live),
        outlets_(outlets),
        observes_all_(is_unfiltered(config_.filter)),
        enricher_(live.source().boot_to_unix_ns),
        pipeline_(live.source(), std::move(selection), enricher_, {&outlets}),
        look_every_ns_(std::min(kLookNs, manager.patience_ns().value_or(kLookNs * 3) / 3)) {}

  Result<> run() {
    // Who waits for it to be ready finds everything counted from then on.
    outlets_.take(readings(live_.observer().account()), boot_now_ns(), true);
    manager_.ready(status());
    look(boot_now_ns());
    auto result = live_.run({
        .record =
            [&](std::span<const std::byte> bytes) {
              begin_batch();
              pipeline_.record(bytes);
            },
        .gap =
            [&](std::uint64_t lost, std::uint64_t since) {
              begin_batch();
              pipeline_.gap(lost, since);
            },
        .batch_end =
            [&](std::uint64_t now) {
              in_batch_ = false;
              follow_clock();
              pipeline_.batch_end(now);
              if (now >= look_ns_) {
                look(now);
              }
              reload();
              return true;
            },
        .due_ns = [&] { return due_ns(); },
        .hung_up = [&] { reload_wanted_ = true; },
    });
    manager_.stopping("writing what waits");
    pipeline_.finish();
    const std::vector<std::string> outlets = outlets_.stop();
    log_account(log_, kernel_account(live_.observer().account()));
    log_account(log_, pipeline_account(pipeline_.counts()));
    log_account(log_, outlets);
    return result;
  }

 private:
  [[nodiscard]] std::string status() const {
    const KernelCounters kernel = live_.observer().counters();
    return fmt::format("watching ({} hooks): {} closures, {} lost",
                       name_of(live_.observer().plan().set), kernel.ended, lost_closures(kernel));
  }

  // A reload that has to wait, for what the last one closed or for what it opens, goes on soon.
  [[nodiscard]] std::uint64_t due_ns() const {
    const std::uint64_t due = std::min({look_ns_, pipeline_.due_ns().value_or(UINT64_MAX),
                                        outlets_.due_ns().value_or(UINT64_MAX)});
    return reload_wanted_ || next_config_ ? std::min(due, boot_now_ns() + kRetryNs) : due;
  }

  void begin_batch() {
    if (!std::exchange(in_batch_, true)) {
      follow_clock();
    }
  }

  // Before a batch, so that what ended after a setting of the wall clock is named by it; after one,
  // so that no more than what ended meanwhile can be named wrongly.
  void follow_clock() {
    const std::int64_t distance = boot_to_unix_ns();
    if (!pipeline_.look_at_clocks(boot_now_ns(), distance)) {
      return;
    }
    enricher_.set_clock(distance);
    outlets_.set_clock(distance);
    log_.notice("the wall clock was set: what ends from now on has its time");
  }

  void look(std::uint64_t now) {
    look_ns_ = now + look_every_ns_;
    const KernelCounters kernel = live_.observer().account();
    // Recorded a moment ago is not waiting: what counts is what there was the last time.
    const PipelineCounts& counts = pipeline_.counts();
    const bool alive =
        heartbeat_.beats({.recorded = looked_recorded_,
                          .closures = counts.records - counts.amendments - counts.attempts,
                          .records = counts.records});
    looked_recorded_ = kernel.recorded;
    if (alive) {
      manager_.alive();
    }
    outlets_.take(readings(kernel), now, alive);
    manager_.status(status());
    if (const std::uint64_t lost = lost_closures(kernel); lost != told_lost_) {
      log_.warning(
          fmt::format("LOST {} closures since the last time this was looked at, {} in all "
                      "(ring full {}, no ledger entry {})",
                      lost - told_lost_, lost, kernel.lost_ring, kernel.lost_ledger));
      told_lost_ = lost;
    }
  }

  [[nodiscard]] Readings readings(const KernelCounters& kernel) const {
    Readings readings;
    readings.kernel = kernel;
    readings.pipeline = pipeline_.counts();
    readings.degradations = live_.observer().plan().degradations().size();
    for (const ProgramStats& stats : live_.observer().program_stats()) {
      readings.programs.push_back({.program = stats.program,
                                   .runs = stats.runs,
                                   .run_ns = stats.run_ns,
                                   .missed = stats.missed});
    }
    if (!observes_all_) {
      return readings;  // less is seen than the kernel counts, as it should be
    }
    if (auto own = read_tcp_counters({}); own.ok()) {
      readings.namespaces.push_back({.netns = own_network_, .name = "host", .counters = *own});
    }
    return readings;
  }

  // As far as it goes: nothing that takes its time is waited for.
  void reload() {
    if (reload_wanted_ && !next_config_ && !outlets_.busy()) {
      reload_wanted_ = false;
      begin_reload();
    }
    if (next_config_ && outlets_.prepared()) {
      take_over(*std::exchange(next_config_, std::nullopt));
      manager_.ready(status());
    }
  }

  void begin_reload() {
    manager_.reloading(monotonic_ns());
    if (options_.config_path.empty()) {
      log_.notice("SIGHUP: there is no configuration file to read again");
    } else if (auto config = load_config(options_.config_path); !config.ok()) {
      log_.error("the configuration was not taken over: " + config.error().what);
    } else {
      outlets_.prepare(*config);
      next_config_ = std::move(config).take();
      return;
    }
    manager_.ready(status());
  }

  void take_over(Config config) {
    if (config.filter != config_.filter || config.kernel != config_.kernel ||
        config.log != config_.log) {
      log_.warning("what is new in [observe] and [log] needs a restart");
    }
    outlets_.take_over(config);
    config_ = std::move(config);
    log_.notice("the configuration was read again: " + options_.config_path);
  }

  const ServeOptions& options_;
  Config config_;
  const Log& log_;
  ServiceManager& manager_;
  Live& live_;
  Outlets& outlets_;
  const bool observes_all_;
  ProcessEnricher enricher_;
  Pipeline pipeline_;
  Heartbeat heartbeat_;
  const std::uint64_t look_every_ns_;
  const std::uint32_t own_network_ =
      resolve_netns("/proc/self/ns/net").ok() ? *resolve_netns("/proc/self/ns/net") : 0;
  bool in_batch_ = false;
  bool reload_wanted_ = false;
  std::optional<Config> next_config_;  // of the reload under way
  std::uint64_t look_ns_ = 0;
  std::uint64_t looked_recorded_ = 0;
  std::uint64_t told_lost_ = 0;
};

// What is kept is said before it is relied upon.
Result<> drop_privileges(const Live& live, const Log& log) {
  const auto kept = needed_after_attach([&] { return live.observer().may_read_maps(); });
  if (!kept.ok()) {
    return kept.error();
  }
  if (auto dropped = keep_only(*kept); !dropped.ok()) {
    return dropped;
  }
  log.info("capabilities kept: " + kept_text(*kept));
  return {};
}

}  // namespace

Result<> serve(const ServeOptions& options) {
  auto config = config_of(options);
  if (!config.ok()) {
    return std::move(config).error();
  }
  auto wanted = selection(config->filter);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  const Log log(config->log, STDERR_FILENO, std::getenv("JOURNAL_STREAM"));
  auto manager =
      ServiceManager::connect(std::getenv("NOTIFY_SOCKET"), std::getenv("WATCHDOG_USEC"));
  if (!manager.ok()) {
    return manager.error();
  }
  KernelOptions kernel = config->kernel;
  kernel.pending = true;
  // The metrics lay what is seen beside the kernel's own counts, in which failed attempts are too.
  FilterOptions in_kernel = config->filter;
  in_kernel.unestablished = true;
  auto live = Live::start(in_kernel, kernel, HangUp::is_taken);
  if (!live.ok()) {
    return std::move(live).error();
  }
  if (live->doubt()) {
    log.warning(*live->doubt());
  }
  const std::vector<std::string> degradations = live->observer().plan().degradations();
  for (const std::string& line : degradations) {
    log.write(LogLevel::debug, line);
  }
  if (!degradations.empty()) {
    log.info(fmt::format("{} hooks do not run here; closewatch doctor says what is not seen",
                         degradations.size()));
  }
  if (auto dropped = drop_privileges(*live, log); !dropped.ok()) {
    return dropped;
  }
  const SourceContext source = live->source();
  const std::string hooks(name_of(live->observer().plan().set));
  auto outlets = Outlets::start(
      *config, {.log = log,
                .source = source,
                .build = {.version = options.version, .hooks = hooks},
                .pending = [observer = &live->observer()] { return observer->pending(); }});
  if (!outlets.ok()) {
    return std::move(outlets).error();
  }
  Daemon daemon(options, std::move(config).take(), log, *manager, *live, std::move(wanted).take(),
                **outlets);
  log.notice(fmt::format("watching ({} hooks)", hooks));
  return daemon.run();
}

}  // namespace closewatch
