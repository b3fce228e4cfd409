// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "userspace/alert/built_in_rules.h"
#include "userspace/alert/notification_text.h"
#include "userspace/render/escape.h"

namespace closewatch::alert {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Collects the errors of one section.
class Checker {
 public:
  Checker(std::vector<SettingError>& errors, std::string_view section, std::size_t index = 0,
          std::string name = {})
      : errors_(errors), section_(section), index_(index), name_(std::move(name)) {}

  void require(bool holds, std::string_view field, std::string expected) {
    if (!holds) {
      errors_.push_back({section_, index_, name_, field, std::move(expected)});
    }
  }
  void require_time(milliseconds time, milliseconds least, milliseconds most,
                    std::string_view field) {
    require(time >= least && time <= most, field,
            fmt::format("between {} and {}", time_text(least), time_text(most)));
  }
  void require_number(std::uint64_t number, std::uint64_t least, std::uint64_t most,
                      std::string_view field) {
    require(number >= least && number <= most, field,
            fmt::format("between {} and {}", least, most));
  }
  void require_few(std::size_t size, std::size_t most, std::string_view field) {
    require(size <= most, field, fmt::format("at most {}", most));
  }

 private:
  std::vector<SettingError>& errors_;
  std::string_view section_;
  std::size_t index_;
  std::string name_;
};

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && name.size() <= 64 && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_path(std::string_view path) {
  return path.size() <= 4096 && path.substr(0, 1) == "/" && path.find('\0') == path.npos;
}

bool is_whole(double value) { return value == std::floor(value) && value <= 9e15; }

// At least a host, and nobody's password.
bool is_url(std::string_view url) {
  const std::size_t scheme = url.substr(0, 8) == "https://"  ? 8
                             : url.substr(0, 7) == "http://" ? 7
                                                             : 0;
  const std::string_view host = url.substr(scheme, url.find_first_of("/?#", scheme) - scheme);
  return scheme > 0 && url.size() <= 2048 && !host.empty() && host.find('@') == host.npos &&
         url.find(' ') == url.npos && !has_control(url);
}

void check_match(Checker& at, const Match& match) {
  const Selection& selection = match.selection;
  at.require_few(selection.comms.size(), kMaxItems, "process");
  at.require(std::none_of(selection.comms.begin(), selection.comms.end(),
                          [](const std::string& comm) {
                            return comm.empty() || comm.find('\0') != comm.npos;
                          }),
             "process", "shell patterns that are not empty");
  at.require(std::all_of(selection.reasons.begin(), selection.reasons.end(),
                         [&selection](Reason reason) {
                           const auto& classes = selection.classes;
                           return classes.empty() || std::find(classes.begin(), classes.end(),
                                                               class_of(reason)) != classes.end();
                         }),
             "reason", "reasons of the classes asked for: a reason names its class");
  at.require_few(match.cgroups.size(), kMaxItems, "cgroup");
  at.require(std::all_of(match.cgroups.begin(), match.cgroups.end(),
                         [](const std::string& path) {
                           return is_path(path) && (path == "/" || path.back() != '/');
                         }),
             "cgroup", "paths below the cgroup mount that begin with / and do not end with it");
  const auto check_ports = [&at](const std::vector<std::uint16_t>& ports, std::string_view field) {
    at.require_few(ports.size(), kMaxItems, field);
    at.require(std::find(ports.begin(), ports.end(), 0) == ports.end(), field,
               "between 1 and 65535");
  };
  check_ports(match.local_ports, "local_port");
  check_ports(match.peer_ports, "peer_port");
  if (match.blocked_at_least) {
    at.require_time(*match.blocked_at_least, milliseconds(1), hours(24), "blocked_at_least");
  }
}

void check_threshold(Checker& at, const Rule& rule) {
  const double threshold = rule.threshold;
  switch (rule.measure) {
    case Measure::count:
    case Measure::bytes:
      at.require(threshold >= 1 && is_whole(threshold), "threshold", "a whole number from 1 on");
      break;
    case Measure::share:
      at.require(threshold > 0 && threshold <= 1, "threshold", "above 0, at most 1");
      break;
    case Measure::rise:
      at.require(threshold > 1 && threshold <= 1e6, "threshold", "above 1, at most 1000000");
      break;
  }
  if (rule.resolve) {
    at.require(*rule.resolve >= 0 && *rule.resolve < threshold, "resolve",
               "at least 0 and below the threshold");
  }
  at.require_number(rule.at_least, 1, 1'000'000'000, "at_least");
}

void check_rule(Checker& at, const Rule& rule) {
  at.require(is_name(rule.name), "name", "a lower-case letter, then at most 63 of a-z, 0-9 and _");
  at.require(rule.summary.size() <= 256 && !has_control(rule.summary), "summary",
             "one line of at most 256 bytes");
  check_match(at, rule.match);
  check_threshold(at, rule);
  at.require_time(rule.window, seconds(1), hours(24), "window");
  at.require_time(rule.hold_for, milliseconds(0), hours(24), "for");
  at.require_time(rule.cool_down, milliseconds(0), hours(168), "cool_down");
}

void check_rules(std::vector<SettingError>& errors, const std::vector<Rule>& rules) {
  for (std::size_t index = 0; index < rules.size(); ++index) {
    const Rule& rule = rules[index];
    Checker at(errors, "rule", index, rule.name);
    check_rule(at, rule);
    const auto end = rules.begin() + static_cast<std::ptrdiff_t>(index);
    at.require(std::none_of(rules.begin(), end,
                            [&rule](const Rule& other) { return other.name == rule.name; }),
               "name", "a name that no other rule has");
  }
}

void check_http(std::vector<SettingError>& errors, std::string_view section,
                const std::vector<HttpSettings>& all) {
  Checker(errors, section).require_few(all.size(), kMaxReceivers, "number");
  for (std::size_t index = 0; index < all.size(); ++index) {
    const HttpSettings& each = all[index];
    Checker at(errors, section, index);
    at.require(is_url(each.url), "url", "http:// or https:// and a host, without a user");
    at.require(each.ca_file.empty() || is_path(each.ca_file), "ca_file", "an absolute path");
    at.require(each.token.size() <= 4096 && !has_control(each.token), "token",
               "one line of at most 4096 bytes");
    at.require_time(each.timeout, milliseconds(100), minutes(1), "timeout");
    at.require_number(each.attempts, 1, 10, "attempts");
    at.require_time(each.back_off, milliseconds(10), minutes(1), "back_off");
  }
}

void check_programs(std::vector<SettingError>& errors, const std::vector<ProgramSettings>& all) {
  Checker(errors, "program").require_few(all.size(), kMaxReceivers, "number");
  for (std::size_t index = 0; index < all.size(); ++index) {
    const ProgramSettings& each = all[index];
    Checker at(errors, "program", index);
    at.require(is_path(each.path), "path", "an absolute path");
    at.require_few(each.arguments.size(), 16, "arguments");
    at.require(std::none_of(each.arguments.begin(), each.arguments.end(),
                            [](const std::string& argument) {
                              return argument.size() > 4096 || argument.find('\0') != argument.npos;
                            }),
               "arguments", "at most 4096 bytes each, none of them NUL");
    at.require_time(each.timeout, milliseconds(100), minutes(5), "timeout");
  }
}

}  // namespace

std::vector<Rule> effective_rules(const Settings& settings) {
  std::vector<Rule> rules = settings.built_in ? built_in_rules() : std::vector<Rule>{};
  std::erase_if(rules, [&settings](const Rule& rule) {
    const auto has_name = [&rule](const Rule& other) { return other.name == rule.name; };
    return std::find(settings.without.begin(), settings.without.end(), rule.name) !=
               settings.without.end() ||
           std::any_of(settings.rules.begin(), settings.rules.end(), has_name);
  });
  rules.insert(rules.end(), settings.rules.begin(), settings.rules.end());
  return rules;
}

std::string text_of(const SettingError& error) {
  TextBuffer out;
  append(out, error.section);
  if (!error.name.empty()) {
    append(out, " '");
    append_terminal_text(out, error.name, Charset::ascii);
    out.push_back('\'');
  } else if (error.index > 0) {
    append(out, fmt::format(" {}", error.index + 1));
  }
  append(out, fmt::format(": {}: expected {}", error.field, error.expected));
  return std::string(view_of(out));
}

std::vector<SettingError> check(const Settings& settings) {
  std::vector<SettingError> errors;
  Checker at(errors, "alerts");
  at.require_few(effective_rules(settings).size(), kMaxRules, "rules");
  check_rules(errors, settings.rules);
  const std::vector<Rule> known = built_in_rules();
  at.require(std::all_of(settings.without.begin(), settings.without.end(),
                         [&known](const std::string& name) {
                           return std::any_of(
                               known.begin(), known.end(),
                               [&name](const Rule& rule) { return rule.name == name; });
                         }),
             "without", "names of built-in rules");
  Checker storm(errors, "storm");
  storm.require_number(settings.storm.alerts, 1, 1000, "alerts");
  storm.require_time(settings.storm.interval, seconds(1), hours(1), "interval");
  at.require_time(settings.refresh, seconds(10), hours(1), "refresh");
  check_http(errors, "alertmanager", settings.alertmanagers);
  check_http(errors, "webhook", settings.webhooks);
  check_programs(errors, settings.programs);
  at.require_number(settings.queue, 1, 10'000, "queue");
  at.require(settings.instance.size() <= 256 && !has_control(settings.instance), "instance",
             "one line of at most 256 bytes");
  return errors;
}

}  // namespace closewatch::alert
