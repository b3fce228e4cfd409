// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/live.h"

#include "userspace/base/clock.h"
#include "userspace/cli/filters.h"
#include "userspace/cli/streams.h"
#include "userspace/doctor/causes.h"

namespace closewatch {

Result<Live> Live::start(const Options& options) {
  auto filter = kernel_filter(options.filter);
  if (!filter.ok()) {
    return std::move(filter).error();
  }
  auto features = probe_features();
  if (!features.ok()) {
    return with_true_cause(std::move(features).error(), read_system_facts(), nullptr,
                           HookMode::automatic);
  }
  ObserverOptions observing;
  observing.mode = options.kernel.hooks == "full"   ? HookMode::full
                   : options.kernel.hooks == "base" ? HookMode::base
                                                    : HookMode::automatic;
  observing.filter = std::move(filter).take();
  observing.ring_bytes = options.kernel.ring_bytes;
  observing.stacks = options.kernel.stacks;
  observing.verbose = options.kernel.verbose;
  auto watch = Watch::create();
  if (!watch.ok()) {
    return std::move(watch).error();
  }
  auto observer = Observer::start(*features, observing);
  if (!observer.ok()) {
    return with_true_cause(std::move(observer).error(), read_system_facts(), &*features,
                           observing.mode);
  }
  if (options.kernel.verbose) {
    for (const std::string& line : observer->plan().degradations()) {
      notice("closewatch: degraded: {}\n", line);
    }
  }
  notice("closewatch: watching ({} hooks)\n", name_of(observer->plan().set));
  return Live(options, std::move(features).take(), std::move(observer).take(),
              std::move(watch).take());
}

Result<> Live::run(const WatchHandlers& handlers) {
  std::optional<std::uint64_t> until;
  if (options_.view.duration_s) {
    until = boot_now_ns() + static_cast<std::uint64_t>(*options_.view.duration_s * 1e9);
  }
  return watch_.run(observer_, handlers, until);
}

SourceContext Live::source() const {
  return {.boot_to_unix_ns = boot_to_unix_ns(),
          .tick_ns = tick_ns(),
          .reset_reasons = features_.reset_reasons};
}

StackSource Live::stacks() const {
  const Observer* const observer = &observer_;
  return {.kernel = [observer](std::int32_t id) { return observer->stack(StackKind::kernel, id); },
          .user = [observer](std::int32_t id) { return observer->stack(StackKind::user, id); }};
}

void print_kernel_account(const KernelCounters& kernel) {
  const std::uint64_t lost = kernel.lost_ring + kernel.lost_ledger;
  if (lost + kernel.amended_lost + kernel.unestablished_lost > 0) {
    notice(
        "closewatch: LOST {} closures (ring full {}, no ledger entry {}), {} amendments, "
        "{} failed attempts; --ring-size raises the limit\n",
        lost, kernel.lost_ring, kernel.lost_ledger, kernel.amended_lost, kernel.unestablished_lost);
  }
  notice("closewatch: {} closures ended = {} recorded + {} filtered + {} lost\n", kernel.ended,
         kernel.recorded, kernel.filtered, lost);
  if (kernel.unestablished > 0) {
    notice("closewatch: {} connection attempts failed (not closures)\n", kernel.unestablished);
  }
  if (kernel.unseen > 0) {
    notice(
        "closewatch: {} connections ended unseen: the kernel ran no program at their end "
        "({} begun, {} still open)\n",
        kernel.unseen, kernel.begun, kernel.open);
  }
  if (kernel.ledger_refused + kernel.ends_recovered + kernel.missed_runs > 0) {
    notice(
        "closewatch: {} hook runs left out by the kernel and {} of them made up for, {} ends "
        "recovered after one, {} ledger entries refused\n",
        kernel.missed_runs, kernel.made_up_runs, kernel.ends_recovered, kernel.ledger_refused);
  }
  if (kernel.stacks_lost > 0) {
    notice("closewatch: {} stacks not kept: others had their places\n", kernel.stacks_lost);
  }
  if (kernel.totals_folded > 0) {
    notice("closewatch: {} closures counted without their process: too many processes\n",
           kernel.totals_folded);
  }
}

void print_pipeline_account(const PipelineCounts& pipeline) {
  notice(
      "closewatch: {} records read = {} shown + {} not selected + {} amendments + {} "
      "rejected\n",
      pipeline.records, pipeline.given, pipeline.deselected, pipeline.amendments,
      pipeline.rejected);
  if (pipeline.unknown > 0) {
    notice("closewatch: {} closures of unknown reason\n", pipeline.unknown);
  }
  if (pipeline.held_early > 0) {
    notice("closewatch: {} closures judged before their time: too many were held\n",
           pipeline.held_early);
  }
}

void print_output_account(const Output& output) {
  if (output.error()) {
    notice("closewatch: LOST {} lines that could not be written\n", output.lines_dropped());
  }
}

}  // namespace closewatch
