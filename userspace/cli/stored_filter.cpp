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
  if (!any_or_one_of(options_.pids, closure.process.pid) ||
      !any_or_one_of(options_.local_ports, closure.local.port) ||
      !any_or_one_of(options_.peer_ports, closure.peer.port)) {
    return false;
  }
  if (!uids_.empty() && (!closure.process.known() || !any_or_one_of(uids_, closure.process.uid))) {
    return false;
  }
  if (options_.ipv4 != options_.ipv6 && is_ipv4(closure) != options_.ipv4) {
    return false;
  }
  if (netns_ && closure.netns != *netns_) {
    return false;
  }
  if (!cgroup_.empty()) {
    const std::string_view path =
        finding.process.cgroup ? std::string_view(*finding.process.cgroup) : std::string_view{};
    if (!path.starts_with(cgroup_) ||
        (path.size() > cgroup_.size() && path[cgroup_.size()] != '/')) {
      return false;
    }
  }
  return selection_.wants(closure, finding.verdict);
}

}  // namespace closewatch
