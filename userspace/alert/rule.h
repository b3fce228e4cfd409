// SPDX-License-Identifier: Apache-2.0
// One alert rule: which closures, how many of them within what time, and when it is over. Plain
// values that a configuration fills; settings.h says which values are allowed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/pipeline/selection.h"

namespace closewatch::alert {

// Which closures count. What is empty is any; all that is set must hold. Connections that never
// were (class unestablished) count only where the selection names them.
struct Match {
  Selection selection;                    // process name, class, reason, lost bytes
  std::vector<std::string> cgroups = {};  // paths below the mount; what is below counts too
  std::vector<std::uint16_t> local_ports = {};
  std::vector<std::uint16_t> peer_ports = {};
  std::optional<std::chrono::milliseconds> blocked_at_least = {};  // in close()

  friend bool operator==(const Match&, const Match&) = default;
};

// What is compared with the threshold.
//   count  closures that match, in the window
//   bytes  bytes that these lost: discarded and unread
//   share  of the closures with the same process, cgroup and ports, those that match: 0 to 1
//   rise   closures that match, as a multiple of those in the window before (of 1 if there were
//          none)
enum class Measure : std::uint8_t { count, bytes, share, rise };

// Of what one alert speaks: the whole host, each process name, or each cgroup.
enum class Scope : std::uint8_t { host, process, cgroup };

enum class Severity : std::uint8_t { notice, warning, critical };

std::string_view name_of(Measure value);
std::string_view name_of(Scope value);
std::string_view name_of(Severity value);

// By name, as the configuration writes them; nullopt for an unknown name.
std::optional<Measure> measure_named(std::string_view name);
std::optional<Scope> scope_named(std::string_view name);
std::optional<Severity> severity_named(std::string_view name);

// The level is what the measure gives for the last `window`. The alert fires when the level has
// been at `threshold` or above for `hold_for`, and is resolved when it has come down to `resolve`
// (without one: below the threshold). It does not fire again before `cool_down` has passed since.
struct Rule {
  std::string name;
  std::string summary = {};  // one sentence for people; may be empty
  Severity severity = Severity::warning;
  Match match = {};
  Scope per = Scope::process;
  Measure measure = Measure::count;
  double threshold = 1;
  std::optional<double> resolve = {};
  // share and rise say nothing of few closures: with fewer the level is 0. share counts all that it
  // is a share of, rise those that match.
  std::uint64_t at_least = 1;
  std::chrono::milliseconds window = std::chrono::minutes(5);
  std::chrono::milliseconds hold_for = {};
  std::chrono::milliseconds cool_down = std::chrono::minutes(10);

  friend bool operator==(const Rule&, const Rule&) = default;
};

}  // namespace closewatch::alert
