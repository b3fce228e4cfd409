// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/stored_filter.h"

#include <string>
#include <utility>

#include "userspace/observe/filters.h"

namespace closewatch {

Result<StoredFilter> StoredFilter::of(const FilterOptions& options) {
  auto kept = kept_filter(options);
  if (!kept.ok()) {
    return std::move(kept).error();
  }
  auto wanted = selection(options);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  StoredFilter filter;
  filter.kept_ = std::move(kept).take();
  filter.selection_ = std::move(wanted).take();
  return filter;
}

bool StoredFilter::wants(const Finding& finding) const {
  return (kept_.attempts || finding.verdict.cls != Class::unestablished) &&
         kept_.wants(finding.closure, finding.process) &&
         selection_.wants(finding.closure, finding.verdict);
}

Result<history::RollupFilter> StoredFilter::of_rollups() const {
  const auto refused = [](const char* option, const char* kept) {
    return Error{.what = std::string("a report over the history cannot answer ") + option +
                         ": its counts keep " + kept,
                 .hint =
                     "trace --history lists closures with this filter; report --by port and "
                     "--by peer group all of them",
                 .code = ExitCode::usage};
  };
  if (!kept_.local_ports.empty() || !kept_.peer_ports.empty()) {
    return refused(kept_.local_ports.empty() ? "--remote-port" : "--local-port",
                   "the port of the service, local or remote, and no other");
  }
  if (kept_.netns) {
    return refused("--netns", "no network namespace");
  }
  history::RollupFilter filter{.lost = selection_.lost_only};
  if (!kept_.pids.empty() || !kept_.uids.empty() || kept_.cgroup || !selection_.comms.empty()) {
    filter.process = [this, names = Selection{.comms = selection_.comms}](
                         const Task& process, const ProcessDetails& details) {
      Closure closure;
      closure.process = process;
      return kept_.wants_process(process, details) && names.wants(closure, {});
    };
  }
  if (!selection_.classes.empty() || !selection_.reasons.empty()) {
    filter.verdict = [how = Selection{.classes = selection_.classes,
                                      .reasons = selection_.reasons}](Class cls, Reason reason) {
      Verdict verdict;
      verdict.cls = cls;
      verdict.reason = reason;
      return how.wants({}, verdict);
    };
  }
  filter.ipv4 = kept_.ipv4;
  return filter;
}

}  // namespace closewatch
