// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "userspace/alert/built_in_rules.h"

namespace closewatch::alert {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> errors_of(const Settings& settings) {
  std::vector<std::string> texts;
  for (const SettingError& error : check(settings)) {
    texts.push_back(text_of(error));
  }
  return texts;
}

std::vector<std::string> names_of(const std::vector<Rule>& rules) {
  std::vector<std::string> names;
  for (const Rule& rule : rules) {
    names.push_back(rule.name);
  }
  return names;
}

TEST(Settings, TheDefaultsAreAllowed) { EXPECT_THAT(errors_of({}), IsEmpty()); }

TEST(Settings, TheBuiltInRulesAreAllowed) {
  EXPECT_THAT(errors_of({.rules = built_in_rules()}), IsEmpty());
}

struct BadRule {
  const char* field;
  std::function<void(Rule&)> spoil;
};

// One wrong value each, beside values that are right.
TEST(Settings, EveryBadValueOfARuleIsToldOnceWithItsField) {
  const std::vector<BadRule> rows{
      {"name", [](Rule& rule) { rule.name = ""; }},
      {"name", [](Rule& rule) { rule.name = "Upper"; }},
      {"name", [](Rule& rule) { rule.name = "1st"; }},
      {"name", [](Rule& rule) { rule.name = "a b"; }},
      {"name", [](Rule& rule) { rule.name = std::string(65, 'a'); }},
      {"summary", [](Rule& rule) { rule.summary = "two\nlines"; }},
      {"summary", [](Rule& rule) { rule.summary = std::string(257, 'a'); }},
      {"process",
       [](Rule& rule) {
         rule.match.selection.comms = {"nginx", ""};
       }},
      {"process", [](Rule& rule) { rule.match.selection.comms.assign(65, "a"); }},
      {"reason",
       [](Rule& rule) {
         rule.match.selection.classes = {Class::graceful};
         rule.match.selection.reasons = {Reason::linger_zero};
       }},
      {"cgroup", [](Rule& rule) { rule.match.cgroups = {"system.slice"}; }},
      {"cgroup", [](Rule& rule) { rule.match.cgroups = {"/system.slice/"}; }},
      {"local_port",
       [](Rule& rule) {
         rule.match.local_ports = {80, 0};
       }},
      {"peer_port", [](Rule& rule) { rule.match.peer_ports = {0}; }},
      {"blocked_at_least", [](Rule& rule) { rule.match.blocked_at_least = milliseconds(0); }},
      {"threshold", [](Rule& rule) { rule.threshold = 0; }},
      {"threshold", [](Rule& rule) { rule.threshold = 1.5; }},
      {"threshold", [](Rule& rule) { rule.threshold = -1; }},
      {"threshold", [](Rule& rule) { rule.threshold = std::numeric_limits<double>::infinity(); }},
      {"threshold", [](Rule& rule) { rule.threshold = std::numeric_limits<double>::quiet_NaN(); }},
      {"threshold",
       [](Rule& rule) {
         rule.measure = Measure::share;
         rule.threshold = 1.01;
       }},
      {"threshold",
       [](Rule& rule) {
         rule.measure = Measure::rise;
         rule.threshold = 1;
       }},
      {"resolve", [](Rule& rule) { rule.resolve = 5; }},
      {"resolve", [](Rule& rule) { rule.resolve = -1; }},
      {"at_least", [](Rule& rule) { rule.at_least = 0; }},
      {"window", [](Rule& rule) { rule.window = milliseconds(999); }},
      {"window", [](Rule& rule) { rule.window = hours(25); }},
      {"for", [](Rule& rule) { rule.hold_for = milliseconds(-1); }},
      {"for", [](Rule& rule) { rule.hold_for = hours(25); }},
      {"cool_down", [](Rule& rule) { rule.cool_down = hours(169); }},
  };
  for (const BadRule& row : rows) {
    Rule rule{.name = "good", .threshold = 5};
    row.spoil(rule);
    const std::vector<SettingError> errors = check({.rules = {{.name = "first"}, rule}});
    ASSERT_EQ(errors.size(), 1) << row.field;
    EXPECT_EQ(errors[0].section, "rule");
    EXPECT_EQ(errors[0].index, 1);
    EXPECT_EQ(errors[0].name, rule.name);
    EXPECT_EQ(errors[0].field, row.field);
  }
}

TEST(Settings, SaysWhatWasExpected) {
  EXPECT_THAT(errors_of({.rules = {{.name = "abc", .window = hours(48)}}}),
              ElementsAre("rule 'abc': window: expected between 1s and 24h"));
}

TEST(Settings, EscapesTheNameOfABadRule) {
  EXPECT_THAT(errors_of({.rules = {{.name = "a\x1b[31m"}}}),
              ElementsAre("rule 'a\\x1b[31m': name: expected a lower-case letter, then at most 63 "
                          "of a-z, 0-9 and _"));
}

TEST(Settings, TwoRulesMayNotHaveOneName) {
  EXPECT_THAT(errors_of({.rules = {{.name = "abc"}, {.name = "abc"}}}),
              ElementsAre("rule 'abc': name: expected a name that no other rule has"));
}

TEST(Settings, ChecksTheReceivers) {
  const Settings settings{
      .storm = {.alerts = 0, .interval = hours(2)},
      .refresh = seconds(9),
      .alertmanagers = {{.url = "http://127.0.0.1:9093"}, {.url = "ftp://127.0.0.1"}},
      .webhooks = {{.url = "https://user:secret@host/"},
                   {.url = "https://host/path",
                    .ca_file = "ca.pem",
                    .token = "a\r\nX-Evil: 1",
                    .timeout = seconds(0),
                    .attempts = 11,
                    .back_off = milliseconds(1)},
                   {.url = "https://"}},
      .programs = {{.path = "notify"}, {.path = "/bin/true", .timeout = hours(1)}},
      .queue = 0,
      .instance = "two\nlines"};
  EXPECT_THAT(
      errors_of(settings),
      ElementsAre("storm: alerts: expected between 1 and 1000",
                  "storm: interval: expected between 1s and 1h",
                  "alerts: refresh: expected between 10s and 1h",
                  "alertmanager 2: url: expected http:// or https:// and a host, without a user",
                  "webhook: url: expected http:// or https:// and a host, without a user",
                  "webhook 2: ca_file: expected an absolute path",
                  "webhook 2: token: expected one line of at most 4096 bytes",
                  "webhook 2: timeout: expected between 100ms and 1m",
                  "webhook 2: attempts: expected between 1 and 10",
                  "webhook 2: back_off: expected between 10ms and 1m",
                  "webhook 3: url: expected http:// or https:// and a host, without a user",
                  "program: path: expected an absolute path",
                  "program 2: timeout: expected between 100ms and 5m",
                  "alerts: queue: expected between 1 and 10000",
                  "alerts: instance: expected one line of at most 256 bytes"));
}

TEST(Settings, BuiltInRulesCanBeReplacedAndLeftOut) {
  EXPECT_THAT(names_of(effective_rules({})),
              ElementsAre("abortive_loss", "listener_closed", "linger_blocks", "timeouts_rise"));
  EXPECT_THAT(names_of(effective_rules({.rules = {{.name = "linger_blocks"}, {.name = "mine"}},
                                        .without = {"abortive_loss"}})),
              ElementsAre("listener_closed", "timeouts_rise", "linger_blocks", "mine"));
  EXPECT_THAT(names_of(effective_rules({.built_in = false})), IsEmpty());
  EXPECT_THAT(errors_of({.without = {"no_such_rule"}}),
              ElementsAre("alerts: without: expected names of built-in rules"));
}

TEST(Settings, BoundsTheNumberOfRules) {
  Settings settings;
  for (int n = 0; n < 61; ++n) {
    settings.rules.push_back({.name = "rule_" + std::to_string(n)});
  }
  EXPECT_THAT(errors_of(settings), ElementsAre("alerts: rules: expected at most 64"));
}

TEST(Settings, NamesAreReadAsTheyAreWritten) {
  for (const Measure value : {Measure::count, Measure::bytes, Measure::share, Measure::rise}) {
    EXPECT_EQ(measure_named(name_of(value)), value);
  }
  for (const Scope value : {Scope::host, Scope::process, Scope::cgroup}) {
    EXPECT_EQ(scope_named(name_of(value)), value);
  }
  for (const Severity value : {Severity::notice, Severity::warning, Severity::critical}) {
    EXPECT_EQ(severity_named(name_of(value)), value);
  }
  EXPECT_EQ(measure_named("number"), std::nullopt);
}

}  // namespace
}  // namespace closewatch::alert
