// SPDX-License-Identifier: Apache-2.0
#include "userspace/observe/live.h"

#include <malloc.h>

#include "userspace/base/clock.h"
#include "userspace/doctor/causes.h"
#include "userspace/enrich/filter_targets.h"
#include "userspace/observe/filters.h"
#include "userspace/render/streams.h"

namespace closewatch {
namespace {

constexpr int kLargeBlock = 1 << 20;

}  // namespace

Result<Live> Live::start(const FilterOptions& filter, const KernelOptions& kernel, HangUp hang_up) {
  // The load reads the types of the kernel several times, 5 MB each. Once one such block was freed,
  // glibc would take the next from the heap and keep it (M_MMAP_THRESHOLD in mallopt(3)).
  ::mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  auto in_kernel = kernel_filter(filter);
  if (!in_kernel.ok()) {
    return std::move(in_kernel).error();
  }
  auto features = probe_features(kernel.verbose);
  if (!features.ok()) {
    return with_true_cause(std::move(features).error(), read_system_facts(), nullptr,
                           HookMode::automatic);
  }
  ObserverOptions observing;
  observing.mode = kernel.hooks == "full"   ? HookMode::full
                   : kernel.hooks == "base" ? HookMode::base
                                            : HookMode::automatic;
  observing.filter = std::move(in_kernel).take();
  observing.ring_bytes = kernel.ring_bytes;
  observing.stacks = kernel.stacks;
  observing.pending = kernel.pending;
  observing.totals = kernel.totals;
  observing.verbose = kernel.verbose;
  auto watch = Watch::create(hang_up);
  if (!watch.ok()) {
    return std::move(watch).error();
  }
  auto observer = Observer::start(*features, observing);
  if (!observer.ok()) {
    return with_true_cause(std::move(observer).error(), read_system_facts(), &*features,
                           observing.mode);
  }
  Live live(std::move(features).take(), std::move(observer).take(), std::move(watch).take());
  if (filter.netns.starts_with("inode:") && !find_netns(*observing.filter.netns)) {
    live.doubt_ = fmt::format(
        "no process that can be seen is in network namespace {}, and it is mounted nowhere: is the "
        "number right? lsns -t net lists them",
        *observing.filter.netns);
  }
  return live;
}

Result<> Live::run(const WatchHandlers& handlers, std::optional<double> duration_s) {
  std::optional<std::uint64_t> until;
  if (duration_s) {
    until = boot_now_ns() + static_cast<std::uint64_t>(*duration_s * 1e9);
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

void print_watching(const Live& live, bool degradations) {
  const AttachPlan& plan = live.observer().plan();
  if (live.doubt()) {
    notice("closewatch: {}\n", *live.doubt());
  }
  if (degradations) {
    for (const std::string& line : plan.degradations()) {
      notice("closewatch: degraded: {}\n", line);
    }
  }
  notice("closewatch: watching ({} hooks)\n", name_of(plan.set));
}

std::vector<std::string> kernel_account(const KernelCounters& kernel) {
  std::vector<std::string> lines;
  const std::uint64_t lost = kernel.lost_ring + kernel.lost_ledger;
  if (lost + kernel.amended_lost + kernel.unestablished_lost > 0) {
    lines.push_back(fmt::format(
        "LOST {} closures (ring full {}, no ledger entry {}), {} amendments, {} failed attempts; a "
        "larger ring raises the limit (--ring-size)",
        lost, kernel.lost_ring, kernel.lost_ledger, kernel.amended_lost,
        kernel.unestablished_lost));
  }
  lines.push_back(fmt::format("{} closures ended = {} recorded + {} filtered + {} lost",
                              kernel.ended, kernel.recorded, kernel.filtered, lost));
  if (kernel.unestablished > 0) {
    lines.push_back(
        fmt::format("{} connection attempts failed (not closures)", kernel.unestablished));
  }
  if (kernel.unseen > 0) {
    lines.push_back(fmt::format(
        "{} connections ended unseen: the kernel ran no program at their end ({} begun, {} still "
        "open)",
        kernel.unseen, kernel.begun, kernel.open));
  }
  if (kernel.ledger_refused + kernel.ends_recovered + kernel.missed_runs > 0) {
    lines.push_back(fmt::format(
        "{} hook runs left out by the kernel and {} of them made up for, {} ends recovered after "
        "one, {} ledger entries refused",
        kernel.missed_runs, kernel.made_up_runs, kernel.ends_recovered, kernel.ledger_refused));
  }
  if (kernel.stacks_lost > 0) {
    lines.push_back(fmt::format("{} stacks not kept: others had their places", kernel.stacks_lost));
  }
  if (kernel.holders_refused > 0) {
    lines.push_back(
        fmt::format("{} sockets open at the start had too many beside them: their owner "
                    "is known once they are used",
                    kernel.holders_refused));
  }
  if (kernel.totals_folded > 0) {
    lines.push_back(fmt::format("{} closures counted without their process: too many processes",
                                kernel.totals_folded));
  }
  return lines;
}

std::vector<std::string> pipeline_account(const PipelineCounts& pipeline) {
  std::vector<std::string> lines;
  lines.push_back(
      fmt::format("{} records read = {} shown + {} not selected + {} amendments + {} rejected",
                  pipeline.records, pipeline.given, pipeline.deselected, pipeline.amendments,
                  pipeline.rejected));
  if (pipeline.in_doubt > 0) {
    lines.push_back(fmt::format(
        "{} of those not selected: the cgroup of their process was not kept", pipeline.in_doubt));
  }
  if (pipeline.unknown > 0) {
    lines.push_back(fmt::format("{} closures of unknown reason", pipeline.unknown));
  }
  if (pipeline.held_early > 0) {
    lines.push_back(fmt::format("{} closures judged before their time: too many were held",
                                pipeline.held_early));
  }
  return lines;
}

void print_account(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    notice("closewatch: {}\n", line);
  }
}

}  // namespace closewatch
