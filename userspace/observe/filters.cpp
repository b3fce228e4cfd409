// SPDX-License-Identifier: Apache-2.0
#include "userspace/observe/filters.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/enrich/filter_targets.h"

namespace closewatch {
namespace {

Error unknown_name(const char* what, const std::string& name) {
  return {.what = std::string("unknown ") + what + " '" + name + "'",
          .hint = "closewatch explain lists every class and reason",
          .code = ExitCode::usage};
}

Error impossible(std::string what, std::string hint) {
  return {.what = std::move(what), .hint = std::move(hint), .code = ExitCode::usage};
}

constexpr const char* kAttempts = "add --unestablished to see failed connection attempts";

bool contains(const std::vector<Class>& classes, Class cls) {
  return std::find(classes.begin(), classes.end(), cls) != classes.end();
}

// A selection in which nothing can be is a mistake, not a quiet trace.
std::optional<Error> contradiction(const Selection& wanted, const FilterOptions& options) {
  if (options.abortive && wanted.classes != std::vector{Class::abortive}) {
    return impossible("no closure is both abortive and of the classes asked for",
                      "give -x or --class, not both");
  }
  if (!options.unestablished && contains(wanted.classes, Class::unestablished)) {
    return impossible("unestablished is a class of no closures: it needs --unestablished",
                      kAttempts);
  }
  for (const Reason reason : wanted.reasons) {
    const Class cls = class_of(reason);
    if (!wanted.classes.empty() && !contains(wanted.classes, cls)) {
      return impossible("no closure is both of the classes asked for and '" +
                            std::string(name_of(reason)) + "', which is " +
                            std::string(name_of(cls)),
                        "leave out --class and -x: a reason names its class");
    }
    if (cls == Class::unestablished && !options.unestablished) {
      return impossible(
          "'" + std::string(name_of(reason)) + "' is no closure: it needs --unestablished",
          kAttempts);
    }
  }
  return std::nullopt;
}

// Below the mount, wherever systemd has it, and without a slash at its end; "" for the root.
std::string below_mount(std::string_view path) {
  for (const std::string_view mount : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    if (path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/')) {
      path.remove_prefix(mount.size());
      break;
    }
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return path.empty() || path.starts_with('/') ? std::string(path) : "/" + std::string(path);
}

// Users, ports, family and network namespace: as good for what was kept as for what will come.
template <typename Filter>
Result<Filter> common(const FilterOptions& options) {
  Filter filter;
  if (options.ipv4 && options.ipv6) {
    return impossible("-4 and -6 together leave nothing to show",
                      "give one of them, or none for both families");
  }
  for (const std::string& user : options.users) {
    const auto uid = resolve_uid(user);
    if (!uid.ok()) {
      return uid.error();
    }
    filter.uids.push_back(*uid);
  }
  filter.local_ports = options.local_ports;
  filter.peer_ports = options.peer_ports;
  if (!options.netns.empty()) {
    const auto netns = resolve_netns(options.netns);
    if (!netns.ok()) {
      return netns.error();
    }
    filter.netns = *netns;
  }
  return filter;
}

}  // namespace

Result<KeptFilter> kept_filter(const FilterOptions& options) {
  auto filter = common<KeptFilter>(options);
  if (!filter.ok()) {
    return filter;
  }
  filter->pids = options.pids;
  if (options.ipv4 || options.ipv6) {
    filter->ipv4 = options.ipv4;
  }
  if (!options.cgroup.empty()) {
    filter->cgroup = below_mount(options.cgroup);
  }
  filter->attempts = options.unestablished;
  return filter;
}

Result<KernelFilter> kernel_filter(const FilterOptions& options) {
  auto resolved = common<KernelFilter>(options);
  if (!resolved.ok()) {
    return resolved;
  }
  KernelFilter filter = std::move(resolved).take();
  for (const std::uint32_t pid : options.pids) {
    if (auto exists = check_pid(pid); !exists.ok()) {
      return std::move(exists).error();
    }
    filter.pids.push_back(pid);
  }
  if (options.ipv4 || options.ipv6) {
    filter.family = static_cast<std::uint8_t>(options.ipv4 ? AF_INET : AF_INET6);
  }
  if (!options.cgroup.empty()) {
    auto cgroup = resolve_cgroup(options.cgroup);
    if (!cgroup.ok()) {
      return std::move(cgroup).error();
    }
    filter.cgroup_id = cgroup->id;
    filter.cgroup_level = cgroup->level;
  }
  filter.unestablished = options.unestablished;
  return filter;
}

Result<Selection> selection(const FilterOptions& options) {
  Selection wanted;
  wanted.comms = options.comms;
  wanted.lost_only = options.lost;
  for (const std::string& name : options.classes) {
    const auto found = class_named(name);
    if (!found) {
      return unknown_name("class", name);
    }
    wanted.classes.push_back(*found);
  }
  // All filters hold at once.
  if (options.abortive && (wanted.classes.empty() || contains(wanted.classes, Class::abortive))) {
    wanted.classes = {Class::abortive};
  }
  for (const std::string& name : options.reasons) {
    const auto found = reason_named(name);
    if (!found) {
      return unknown_name("reason", name);
    }
    wanted.reasons.push_back(*found);
  }
  if (auto error = contradiction(wanted, options)) {
    return *std::move(error);
  }
  return wanted;
}

}  // namespace closewatch
