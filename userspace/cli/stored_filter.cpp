// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/stored_filter.h"

#include <algorithm>
#include <string_view>

#include "userspace/enrich/filter_targets.h"
#include "userspace/observe/filters.h"
#include "userspace/render/derived.h"

namespace closewatch {
namespace {

template <typename Value>
bool any_or_one_of(const std::vector<Value>& wanted, Value value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

// Below the mount, without a slash at its end.
std::string cgroup_path(std::string_view path) {
  constexpr std::string_view kMount = "/sys/fs/cgroup";
  if (path.starts_with(kMount)) {
    path.remove_prefix(kMount.size());
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return path.empty() || path.starts_with('/') ? std::string(path) : "/" + std::string(path);
}

}  // namespace

Result<StoredFilter> StoredFilter::of(const FilterOptions& options) {
  StoredFilter filter;
  filter.options_ = options;
  for (const std::string& user : options.users) {
    const auto uid = resolve_uid(user);
    if (!uid.ok()) {
      return uid.error();
    }
    filter.uids_.push_back(*uid);
  }
  if (!options.netns.empty()) {
    const auto netns = resolve_netns(options.netns);
    if (!netns.ok()) {
      return netns.error();
    }
    filter.netns_ = *netns;
  }
  filter.cgroup_ = cgroup_path(options.cgroup);
  auto wanted = selection(options);
  if (!wanted.ok()) {
    return std::move(wanted).error();
  }
  filter.selection_ = std::move(wanted).take();
  return filter;
}

bool StoredFilter::wants(const Finding& finding) const {
  const Closure& closure = finding.closure;
  if (finding.verdict.cls == Class::unestablished && !options_.unestablished) {
    return false;
  }
  if (!any_or_one_of(options_.local_ports, closure.local.port) ||
      !any_or_one_of(options_.peer_ports, closure.peer.port)) {
    return false;
  }
  if (options_.ipv4 != options_.ipv6 && is_ipv4(closure) != options_.ipv4) {
    return false;
  }
  if (netns_ && closure.netns != *netns_) {
    return false;
  }
  return wants_process(closure.process, finding.process) &&
         selection_.wants(closure, finding.verdict);
}

bool StoredFilter::wants_process(const Task& process, const ProcessDetails& details) const {
  if (!any_or_one_of(options_.pids, process.pid)) {
    return false;
  }
  if (!uids_.empty() && (!process.known() || !any_or_one_of(uids_, process.uid))) {
    return false;
  }
  if (cgroup_.empty()) {
    return true;
  }
  const std::string_view path =
      details.cgroup ? std::string_view(*details.cgroup) : std::string_view{};
  return path.starts_with(cgroup_) &&
         (path.size() == cgroup_.size() || path[cgroup_.size()] == '/');
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
  if (!options_.local_ports.empty() || !options_.peer_ports.empty()) {
    return refused(options_.local_ports.empty() ? "--remote-port" : "--local-port",
                   "the port of the service, local or remote, and no other");
  }
  if (netns_) {
    return refused("--netns", "no network namespace");
  }
  history::RollupFilter filter{.lost = selection_.lost_only};
  if (!options_.pids.empty() || !uids_.empty() || !cgroup_.empty() || !selection_.comms.empty()) {
    filter.process = [this, names = Selection{.comms = selection_.comms}](
                         const Task& process, const ProcessDetails& details) {
      Closure closure;
      closure.process = process;
      return wants_process(process, details) && names.wants(closure, {});
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
  if (options_.ipv4 != options_.ipv6) {
    filter.ipv4 = options_.ipv4;
  }
  return filter;
}

}  // namespace closewatch
