// SPDX-License-Identifier: Apache-2.0
// Everything about alerts that a configuration says, as plain values with their defaults, and which
// values are allowed. No syntax: who reads a file fills these, asks check(), and knows from
// section, index and field where in the file the error is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/alert/rule.h"
#include "userspace/alert/storm.h"

namespace closewatch::alert {

// A receiver over HTTP. Certificates are always verified, redirects never followed.
struct HttpSettings {
  std::string url;           // http:// or https://; of Alertmanager without /api/v2/alerts
  std::string ca_file = {};  // PEM; empty: the certificates that the system trusts
  std::string token = {};    // sent as "Authorization: Bearer ..."; never printed
  std::chrono::milliseconds timeout = std::chrono::seconds(10);  // of one attempt, all of it
  std::uint32_t attempts = 5;
  // Before the second attempt; doubled for each after it, up to a minute, and between half and all
  // of it at random.
  std::chrono::milliseconds back_off = std::chrono::milliseconds(500);

  friend bool operator==(const HttpSettings&, const HttpSettings&) = default;
};

// A program that is run once for each notification, with its JSON on standard input.
struct ProgramSettings {
  std::string path;  // absolute; no shell, no search
  std::vector<std::string> arguments = {};
  std::chrono::milliseconds timeout = std::chrono::seconds(10);  // then it is killed

  friend bool operator==(const ProgramSettings&, const ProgramSettings&) = default;
};

struct Settings {
  std::vector<Rule> rules = {};
  bool built_in = true;  // the built-in rules too; one of the same name replaces one
  std::vector<std::string> without = {};  // built-in rules to leave out
  StormLimit storm = {};
  std::chrono::milliseconds refresh = std::chrono::minutes(1);

  bool log = true;
  std::vector<HttpSettings> alertmanagers = {};
  std::vector<HttpSettings> webhooks = {};
  std::vector<ProgramSettings> programs = {};
  std::uint32_t queue = 256;  // notifications that may wait for each receiver
  std::string instance = {};  // name of this host for Alertmanager; empty: its host name

  friend bool operator==(const Settings&, const Settings&) = default;
};

// The rules that act: the built-in ones that are wanted, then the configured ones.
std::vector<Rule> effective_rules(const Settings& settings);

inline constexpr std::size_t kMaxRules = 64;
inline constexpr std::size_t kMaxReceivers = 8;  // of each kind
inline constexpr std::size_t kMaxItems = 64;     // of each list in a rule

// A value that is not allowed.
struct SettingError {
  std::string_view section;  // "rule", "storm", "alertmanager", "webhook", "program", or "alerts"
  std::size_t index = 0;     // which one of the section, from 0
  std::string name = {};     // of the rule; else empty
  std::string_view field;    // as the members above are called ("for" for hold_for)
  std::string expected;      // "between 1s and 24h"

  friend bool operator==(const SettingError&, const SettingError&) = default;
};

// "rule 'abc': window: expected between 1s and 24h", on one line, escaped.
std::string text_of(const SettingError& error);

// Every error there is, in the order of the settings; none: the engine and the receivers take them.
std::vector<SettingError> check(const Settings& settings);

}  // namespace closewatch::alert
