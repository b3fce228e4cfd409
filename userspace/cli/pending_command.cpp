// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "userspace/base/unique_fd.h"
#include "userspace/cli/commands.h"
#include "userspace/cli/sinks.h"
#include "userspace/cli/stored_filter.h"
#include "userspace/doctor/causes.h"
#include "userspace/enrich/filter_targets.h"
#include "userspace/enrich/process_enricher.h"
#include "userspace/kernel/features.h"
#include "userspace/kernel/pending.h"
#include "userspace/render/pending.h"
#include "userspace/render/streams.h"

namespace closewatch {
namespace {

// A path at which the namespace can be entered.
Result<std::string> place_of(const std::string& netns) {
  if (!netns.starts_with("inode:")) {
    return netns;
  }
  const auto inode = resolve_netns(netns);
  if (!inode.ok()) {
    return inode.error();
  }
  const auto place = find_netns(*inode);
  if (!place) {
    return Error{.what = "no process that can be seen is in network namespace " +
                         std::to_string(*inode) + ", and it is mounted nowhere",
                 .hint = "lsns -t net lists them",
                 .code = ExitCode::usage};
  }
  return *place;
}

// The iterator sees the sockets of the caller's namespace, so the caller moves.
Result<> enter_netns(const std::string& netns) {
  const auto place = place_of(netns);
  if (!place.ok()) {
    return place.error();
  }
  const std::string& path = *place;
  const UniqueFd target(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!target.valid() || ::setns(target.get(), CLONE_NEWNET) != 0) {
    return Error{
        .what = "cannot enter the network namespace '" + path + "': " + std::strerror(errno),
        .hint =
            "give a path such as /proc/PID/ns/net or /run/netns/NAME, or inode:N (lsns -t net); "
            "entering one needs CAP_SYS_ADMIN",
        .code = ExitCode::usage};
  }
  return {};
}

// What the filters ask of a closure, as far as it is known before the end.
Finding so_far(const PendingClose& close, ProcessEnricher& enricher) {
  Finding finding;
  finding.closure.process = close.process;
  finding.closure.local = close.local;
  finding.closure.peer = close.peer;
  finding.process = enricher.details(close.process);
  return finding;
}

}  // namespace

Result<> run_pending(const Options& options) {
  FilterOptions asked = options.filter;
  asked.netns.clear();  // entered
  const auto filter = StoredFilter::of(asked);
  if (!filter.ok()) {
    return filter.error();
  }
  if (!options.filter.netns.empty()) {
    if (auto entered = enter_netns(options.filter.netns); !entered.ok()) {
      return entered;
    }
  }
  const auto features = probe_features(options.kernel.verbose);
  if (!features.ok()) {
    return with_true_cause(features.error(), read_system_facts(), nullptr, HookMode::automatic);
  }
  auto pending = list_pending(options.kernel.verbose);
  if (!pending.ok()) {
    return with_true_cause(std::move(pending).error(), read_system_facts(), &*features,
                           HookMode::automatic);
  }
  ProcessEnricher enricher(0);
  std::erase_if(pending->closes,
                [&](const PendingClose& close) { return !filter->wants(so_far(close, enricher)); });
  std::sort(pending->closes.begin(), pending->closes.end(),
            [](const PendingClose& a, const PendingClose& b) {
              return a.age_ns.value_or(0) > b.age_ns.value_or(0);
            });
  if (!pending->ledger_found) {
    notice(
        "closewatch: no other closewatch is running (or its ledger may not be read): who "
        "closed, and when, is unknown\n");
  }
  Output output(STDOUT_FILENO);
  switch (options.view.format) {
    case Format::json:
      pending_json(output, pending->closes);
      break;
    case Format::csv:
      pending_csv(output, pending->closes);
      break;
    case Format::text:
    case Format::html:  // refused by the options
      pending_text(output, pending->closes);
      break;
  }
  output.flush();
  return ended(output);
}

}  // namespace closewatch
