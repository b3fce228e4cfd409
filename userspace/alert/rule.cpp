// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/rule.h"

#include <algorithm>
#include <array>

namespace closewatch::alert {
namespace {

using std::string_view_literals::operator""sv;

// In the order of the enumerations.
constexpr std::array kMeasures{"count"sv, "bytes"sv, "share"sv, "rise"sv};
constexpr std::array kScopes{"host"sv, "process"sv, "cgroup"sv};
constexpr std::array kSeverities{"notice"sv, "warning"sv, "critical"sv};

template <typename Enum, std::size_t N>
std::optional<Enum> named_in(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? std::nullopt
                              : std::optional{static_cast<Enum>(found - names.begin())};
}

}  // namespace

std::string_view name_of(Measure value) { return kMeasures.at(static_cast<std::size_t>(value)); }
std::string_view name_of(Scope value) { return kScopes.at(static_cast<std::size_t>(value)); }
std::string_view name_of(Severity value) { return kSeverities.at(static_cast<std::size_t>(value)); }

std::optional<Measure> measure_named(std::string_view name) {
  return named_in<Measure>(kMeasures, name);
}
std::optional<Scope> scope_named(std::string_view name) { return named_in<Scope>(kScopes, name); }
std::optional<Severity> severity_named(std::string_view name) {
  return named_in<Severity>(kSeverities, name);
}

}  // namespace closewatch::alert
