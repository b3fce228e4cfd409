// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "userspace/config/describe_sections.h"

namespace closewatch {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

const Fields::Texts kScopes{"host", "process", "cgroup"};
const Fields::Texts kMeasures{"count", "bytes", "share", "rise"};
const Fields::Texts kSeverities{"notice", "warning", "critical"};
constexpr double kLargestThreshold = 9e15;

milliseconds describe_time(Fields& fields, std::string_view key, milliseconds otherwise,
                           Range<Fields::Duration> range) {
  return std::chrono::duration_cast<milliseconds>(fields.duration(key, otherwise, range));
}

// What the room of alerts says of `settings` about the last `section` in them.
void refuse_wrong(Fields& fields, const alert::Settings& settings, std::string_view section,
                  std::size_t index) {
  for (const alert::SettingError& error : alert::check(settings)) {
    if (error.section == section && error.index == index) {
      fields.refuse(error.field == "token" ? "token_file" : error.field,
                    error.expected + " is expected");
    }
  }
}

void describe_match(Fields& fields, alert::Match& match) {
  Selection& selection = match.selection;
  selection.comms = fields.texts("process", {}, kNotEmpty);
  for (const std::string& name : fields.choices("class", {}, class_names())) {
    selection.classes.push_back(class_named(name).value_or(Class::unknown));
  }
  for (const std::string& name : fields.choices("reason", {}, reason_names())) {
    selection.reasons.push_back(reason_named(name).value_or(Reason::unknown));
  }
  selection.lost_only = fields.flag("lost", false);
  match.cgroups = fields.texts("cgroup", {}, kAbsolutePath);
  match.local_ports = describe_ports(fields, "local_port", {});
  match.peer_ports = describe_ports(fields, "peer_port", {});
  const milliseconds blocked = describe_time(fields, "blocked_at_least", 0ms, {0ms, 24h});
  if (blocked > 0ms) {
    match.blocked_at_least = blocked;
  }
}

void describe_rule(Fields& fields, alert::Rule& rule) {
  rule.name = fields.text("name", "", {});
  rule.summary = fields.text("summary", rule.summary, {});
  rule.severity = alert::severity_named(
                      fields.choice("severity", std::string(name_of(rule.severity)), kSeverities))
                      .value_or(rule.severity);
  describe_match(fields, rule.match);
  rule.per = alert::scope_named(fields.choice("per", std::string(name_of(rule.per)), kScopes))
                 .value_or(rule.per);
  rule.measure =
      alert::measure_named(fields.choice("measure", std::string(name_of(rule.measure)), kMeasures))
          .value_or(rule.measure);
  rule.threshold = fields.decimal("threshold", rule.threshold, {0, kLargestThreshold});
  const double resolve = fields.decimal("resolve", rule.threshold, {0, kLargestThreshold});
  if (fields.says("resolve")) {
    rule.resolve = resolve;
  }
  rule.at_least = fields.number("at_least", rule.at_least, {1, 1'000'000'000});
  rule.window = describe_time(fields, "window", rule.window, {1s, 24h});
  rule.hold_for = describe_time(fields, "for", rule.hold_for, {0s, 24h});
  rule.cool_down = describe_time(fields, "cool_down", rule.cool_down, {0s, 168h});
}

void describe_http(Fields& fields, alert::HttpSettings& http, const HostNames& host) {
  http.url = fields.text("url", "", {});
  http.ca_file = fields.text("ca_file", "", {});
  if (http.ca_file.starts_with('/')) {
    if (const auto found = host.file(http.ca_file); !found.ok()) {
      fields.refuse("ca_file", found.error().what);
    }
  }
  http.token = describe_secret(fields, "token_file", host);
  http.timeout = describe_time(fields, "timeout", http.timeout, {100ms, 1min});
  http.attempts = static_cast<std::uint32_t>(fields.number("attempts", http.attempts, {1, 10}));
  http.back_off = describe_time(fields, "back_off", http.back_off, {10ms, 1min});
}

void describe_program(Fields& fields, alert::ProgramSettings& program) {
  program.path = fields.text("path", "", {});
  program.arguments = fields.texts("arguments", {}, {});
  program.timeout = describe_time(fields, "timeout", program.timeout, {100ms, 5min});
}

// [[alerts.`key`]]: each is described, added, and checked beside those before it.
template <typename Value, typename Describe>
void describe_each(Fields& fields, std::string_view key, alert::Settings& settings,
                   std::vector<Value>& all, Describe describe) {
  fields.sections(key, [&](Fields& section) {
    Value value{};
    describe(section, value);
    all.push_back(std::move(value));
    refuse_wrong(section, settings, key, all.size() - 1);
  });
}

}  // namespace

void describe_alerts(Fields& fields, AlertSettings& alerts, const HostNames& host) {
  alerts.enabled = fields.flag("enabled", alerts.enabled);
  alert::Settings& settings = alerts.settings;
  settings.built_in = fields.flag("built_in", settings.built_in);
  settings.without = fields.texts("without", settings.without, kNotEmpty);
  settings.refresh = describe_time(fields, "refresh", settings.refresh, {10s, 1h});
  settings.log = fields.flag("log", settings.log);
  settings.queue = static_cast<std::uint32_t>(fields.number("queue", settings.queue, {1, 10'000}));
  settings.instance = fields.text("instance", settings.instance, {});
  fields.section("storm", [&](Fields& storm) {
    settings.storm.alerts =
        static_cast<std::uint32_t>(storm.number("alerts", settings.storm.alerts, {1, 1000}));
    settings.storm.interval = describe_time(storm, "interval", settings.storm.interval, {1s, 1h});
  });
  refuse_wrong(fields, settings, "alerts", 0);
  describe_each(fields, "rule", settings, settings.rules, describe_rule);
  describe_each(
      fields, "alertmanager", settings, settings.alertmanagers,
      [&](Fields& section, alert::HttpSettings& http) { describe_http(section, http, host); });
  describe_each(
      fields, "webhook", settings, settings.webhooks,
      [&](Fields& section, alert::HttpSettings& http) { describe_http(section, http, host); });
  describe_each(fields, "program", settings, settings.programs, describe_program);
  // How many there are may be wrong only now.
  constexpr const char* kMany = "fewer are expected";
  if (alert::effective_rules(settings).size() > alert::kMaxRules) {
    fields.refuse("rule", kMany);
  }
  for (const auto& [key, count] : {std::pair{"alertmanager", settings.alertmanagers.size()},
                                   std::pair{"webhook", settings.webhooks.size()},
                                   std::pair{"program", settings.programs.size()}}) {
    if (count > alert::kMaxReceivers) {
      fields.refuse(key, kMany);
    }
  }
}

}  // namespace closewatch
