// SPDX-License-Identifier: Apache-2.0
#include "userspace/classify/evidence.h"

#include <string.h>

#include <algorithm>
#include <array>

namespace closewatch {
namespace {

struct FlagEntry {
  Fact fact;
  std::string_view name;
  bool Facts::*value;
};

constexpr std::array kFlagEntries{
    FlagEntry{Fact::dead, "dead", &Facts::dead},
    FlagEntry{Fact::peer_fin, "peer_fin", &Facts::peer_fin},
    FlagEntry{Fact::peer_fin_first, "peer_fin_first", &Facts::peer_fin_first},
    FlagEntry{Fact::closing, "closing", &Facts::closing},
    FlagEntry{Fact::fin_queued, "fin_queued", &Facts::fin_queued},
    FlagEntry{Fact::owned, "owned", &Facts::owned},
    FlagEntry{Fact::in_close, "in_close", &Facts::in_close},
    FlagEntry{Fact::never_accepted, "never_accepted", &Facts::never_accepted},
    FlagEntry{Fact::reset_called, "reset_called", &Facts::reset_called},
    FlagEntry{Fact::rst_in, "rst_in", &Facts::rst_in},
    FlagEntry{Fact::no_rst_in, "no_rst_in", &Facts::no_rst_in},
    FlagEntry{Fact::rst_before, "rst_before", &Facts::rst_before},
    FlagEntry{Fact::rst_after, "rst_after", &Facts::rst_after},
    FlagEntry{Fact::rst_answer, "rst_answer", &Facts::rst_answer},
    FlagEntry{Fact::linger, "linger", &Facts::linger},
    FlagEntry{Fact::repair, "repair", &Facts::repair},
    FlagEntry{Fact::keepalive, "keepalive", &Facts::keepalive},
    FlagEntry{Fact::disconnect, "disconnect", &Facts::disconnect},
    FlagEntry{Fact::stuck_orphan, "stuck_orphan", &Facts::stuck_orphan},
    FlagEntry{Fact::aborted_by_other, "aborted_by_other", &Facts::aborted_by_other},
    FlagEntry{Fact::mptcp, "mptcp", &Facts::mptcp},
    FlagEntry{Fact::kernel_socket, "kernel_socket", &Facts::kernel_socket},
};

Observation number(std::string_view name, std::int64_t value) {
  return {name, std::to_string(value)};
}

Observation error(std::string_view name, std::int32_t value) {
  return {name, value == 0 ? "0" : errno_name(value)};
}

Observation observe(Fact fact, const Closure& closure, const Verdict& verdict) {
  const auto flag = std::find_if(kFlagEntries.begin(), kFlagEntries.end(),
                                 [fact](const FlagEntry& entry) { return entry.fact == fact; });
  if (flag != kFlagEntries.end()) {
    return {flag->name, closure.facts.*flag->value ? "yes" : "no"};
  }
  switch (fact) {
    case Fact::final_state:
      return {"final_state", std::string(name_of(closure.final_state))};
    case Fact::sock_error:
      return error("sock_error", closure.sock_error);
    case Fact::sock_soft_error:
      return error("sock_soft_error", closure.sock_soft_error);
    case Fact::shutdown_flags:
      return number("shutdown_flags", closure.shutdown_flags);
    case Fact::never_sent:
      return number("never_sent", closure.never_sent);
    case Fact::unacked:
      return number("unacked", closure.unacked);
    case Fact::unread:
      return number("unread", closure.unread);
    case Fact::send_window:
      return number("send_window", closure.send_window);
    case Fact::retransmits:
      return number("retransmits", closure.retransmits);
    case Fact::probes_out:
      return number("probes_out", closure.probes_out);
    case Fact::user_timeout_ms:
      return number("user_timeout_ms", closure.user_timeout_ms);
    case Fact::linger_jiffies:
      return number("linger_jiffies", closure.linger_jiffies);
    case Fact::linger_outcome:
      return {"linger_outcome", std::string(name_of(verdict.linger))};
    case Fact::linger2:
      return number("linger2", closure.linger2);
    default:
      return {};
  }
}

}  // namespace

std::vector<Observation> evidence(const Closure& closure, const Verdict& verdict) {
  std::vector<Observation> result;
  const Rule* rule = rule_named(verdict.rule);
  if (rule == nullptr) {
    return result;
  }
  for (const Fact fact : rule->rests_on) {
    if (fact != Fact::none) {
      result.push_back(observe(fact, closure, verdict));
    }
  }
  return result;
}

std::string errno_name(std::int32_t number) {
  const char* name = ::strerrorname_np(number);
  return name != nullptr ? name : std::to_string(number);
}

}  // namespace closewatch
