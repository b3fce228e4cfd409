// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/matcher.h"

#include <algorithm>

namespace closewatch::alert {
namespace {

bool allows(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return ports.empty() || std::find(ports.begin(), ports.end(), port) != ports.end();
}

// `path` is `top` or below it.
bool is_within(std::string_view path, std::string_view top) {
  if (top == "/") {
    return true;
  }
  return path.substr(0, top.size()) == top &&
         (path.size() == top.size() || path[top.size()] == '/');
}

bool names_attempts(const Selection& selection) {
  const auto is_attempt = [](Reason reason) { return class_of(reason) == Class::unestablished; };
  return std::find(selection.classes.begin(), selection.classes.end(), Class::unestablished) !=
             selection.classes.end() ||
         std::any_of(selection.reasons.begin(), selection.reasons.end(), is_attempt);
}

}  // namespace

Matcher::Matcher(const Match& match)
    : match_(match),
      whose_{.comms = match.selection.comms},
      attempts_(names_attempts(match.selection)) {
  match_.selection.comms.clear();
}

bool Matcher::covers(const Finding& finding) const {
  const Closure& closure = finding.closure;
  if (finding.verdict.cls == Class::unestablished && !attempts_) {
    return false;
  }
  if (!allows(match_.local_ports, closure.local.port) ||
      !allows(match_.peer_ports, closure.peer.port)) {
    return false;
  }
  const auto& cgroup = finding.process.cgroup;
  const auto holds_it = [&cgroup](const std::string& top) { return is_within(*cgroup, top); };
  if (!match_.cgroups.empty() &&
      (!cgroup || std::none_of(match_.cgroups.begin(), match_.cgroups.end(), holds_it))) {
    return false;
  }
  return whose_.wants(closure, finding.verdict);
}

bool Matcher::wants(const Finding& finding) const {
  if (match_.blocked_at_least) {
    const auto least_us = static_cast<std::uint64_t>(match_.blocked_at_least->count()) * 1000;
    if (!finding.verdict.blocked_us || *finding.verdict.blocked_us < least_us) {
      return false;
    }
  }
  return match_.selection.wants(finding.closure, finding.verdict);
}

}  // namespace closewatch::alert
