// SPDX-License-Identifier: Apache-2.0
#include "userspace/classify/verdict.h"

#include <algorithm>

namespace closewatch {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kClassNames{"graceful"sv, "lingered"sv,      "timed_out"sv,
                                 "abortive"sv, "unestablished"sv, "unknown"sv};
static_assert(kClassNames.size() == kClassCount);

struct ReasonEntry {
  std::string_view name;
  Class cls;
};

// In the order of the enumeration.
constexpr std::array kReasons{
    ReasonEntry{"local_first", Class::graceful},
    ReasonEntry{"peer_first", Class::graceful},
    ReasonEntry{"simultaneous", Class::graceful},
    ReasonEntry{"linger_completed", Class::lingered},
    ReasonEntry{"linger_expired", Class::timed_out},
    ReasonEntry{"retransmission", Class::timed_out},
    ReasonEntry{"fin_unacked", Class::timed_out},
    ReasonEntry{"zero_window", Class::timed_out},
    ReasonEntry{"keepalive", Class::timed_out},
    ReasonEntry{"user_timeout", Class::timed_out},
    ReasonEntry{"unread_data", Class::abortive},
    ReasonEntry{"linger_zero", Class::abortive},
    ReasonEntry{"data_after_close", Class::abortive},
    ReasonEntry{"reset_by_peer", Class::abortive},
    ReasonEntry{"disconnected", Class::abortive},
    ReasonEntry{"destroyed", Class::abortive},
    ReasonEntry{"listener_closed", Class::abortive},
    ReasonEntry{"orphan_limit", Class::abortive},
    ReasonEntry{"linger2", Class::abortive},
    ReasonEntry{"fin_wait2_timeout", Class::abortive},
    ReasonEntry{"repair", Class::abortive},
    ReasonEntry{"refused", Class::unestablished},
    ReasonEntry{"connect_timeout", Class::unestablished},
    ReasonEntry{"connect_error", Class::unestablished},
    ReasonEntry{"closed_in_syn_sent", Class::unestablished},
    ReasonEntry{"unknown", Class::unknown},
};
static_assert(kReasons.size() == kReasonCount);

constexpr std::array kInitiatorNames{"local"sv, "peer"sv, "kernel"sv};
constexpr std::array kClosedByNames{"close"sv, "shutdown"sv, "exit"sv,   "signal"sv,
                                    "exec"sv,  "io_uring"sv, "kernel"sv, "none"sv};
constexpr std::array kLingerNames{"off"sv,         "zero"sv,    "completed"sv, "expired"sv,
                                  "interrupted"sv, "skipped"sv, "unknown"sv};

template <typename Enum, std::size_t N>
std::string_view name_in(const std::array<std::string_view, N>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

}  // namespace

std::string_view name_of(Class value) { return name_in(kClassNames, value); }
std::string_view name_of(Reason value) { return kReasons.at(static_cast<std::size_t>(value)).name; }
std::string_view name_of(Initiator value) { return name_in(kInitiatorNames, value); }
std::string_view name_of(ClosedBy value) { return name_in(kClosedByNames, value); }
std::string_view name_of(LingerOutcome value) { return name_in(kLingerNames, value); }

Class class_of(Reason value) { return kReasons.at(static_cast<std::size_t>(value)).cls; }

std::optional<Class> class_named(std::string_view name) {
  const auto found = std::find(kClassNames.begin(), kClassNames.end(), name);
  if (found == kClassNames.end()) {
    return std::nullopt;
  }
  return static_cast<Class>(found - kClassNames.begin());
}

std::optional<Reason> reason_named(std::string_view name) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(),
                                  [name](const ReasonEntry& entry) { return entry.name == name; });
  if (found == kReasons.end()) {
    return std::nullopt;
  }
  return static_cast<Reason>(found - kReasons.begin());
}

}  // namespace closewatch
