// SPDX-License-Identifier: Apache-2.0
// Rules over findings: when does an alert fire, when is it over, and who must be told. No I/O, no
// clock, no thread of its own: what it tells follows from what it was given, to the nanosecond, so
// a dry run over a capture tells what a live run would have told. One thread.
//
// All times are nanoseconds of the clock of Finding::end_unix_ns, in a live run as it was at the
// start (set_clock()). Each finding carries time forward to its end; advance() does it when none
// comes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "userspace/alert/last_findings.h"
#include "userspace/alert/matcher.h"
#include "userspace/alert/notification.h"
#include "userspace/alert/recent_findings.h"
#include "userspace/alert/rule.h"
#include "userspace/alert/settings.h"
#include "userspace/alert/storm.h"
#include "userspace/alert/window.h"
#include "userspace/pipeline/finding.h"

namespace closewatch::alert {

struct EngineSettings {
  std::vector<Rule> rules;  // that settings.h allows
  StormLimit storm = {};
  // An alert that goes on is told again so often, as still_firing.
  std::chrono::milliseconds refresh = std::chrono::minutes(1);
  std::uint64_t tick_ns = 0;  // as for JsonLines
};

// What the settings say of the engine; `tick_ns` as in EngineSettings.
EngineSettings engine_settings(const Settings& settings, std::uint64_t tick_ns);

// What bounds the memory: a subject takes 24 bytes * 61 (rise: 121) and its evidence.
struct EngineLimits {
  std::size_t subjects = 512;           // of all rules together, each having an equal part
  std::size_t evidence = 5;             // findings kept of each subject
  std::size_t evidence_bytes = 16'384;  // of one rendered finding
  std::size_t remembered = 4096;        // findings that a late fact can still correct; 2^n
};

// findings = those given; alerts fired = announced + held_back, but for those held back that are
// announced later, which count in both.
struct EngineCounts {
  std::uint64_t findings = 0;
  std::uint64_t fired = 0;        // alerts, announced or not
  std::uint64_t announced = 0;    // firing told
  std::uint64_t held_back = 0;    // by storm suppression
  std::uint64_t cooled_down = 0;  // would have fired, but for the cool-down
  std::uint64_t resolved = 0;
  std::uint64_t folded = 0;             // closures counted for `others`: too many subjects
  std::uint64_t too_late = 0;           // closures that ended before the window they belong to
  std::uint64_t corrections = 0;        // late facts that were taken into account
  std::uint64_t late_facts = 0;         // late facts about closures no longer remembered
  std::uint64_t evidence_left_out = 0;  // too long
  std::uint64_t lost_records = 0;       // closures that no rule could see
};

// An alert that fires now.
struct Active {
  std::string rule;
  Severity severity = Severity::warning;
  Subject subject;
  std::int64_t since_unix_ns = 0;
  double level = 0;
};

class Engine {
 public:
  // The receivers must outlive the engine, or be replaced by reload().
  Engine(EngineSettings settings, std::vector<Receiver*> receivers, EngineLimits limits = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Before anything else, for a live run: time goes on as CLOCK_BOOTTIME does, this much ahead of
  // it. Again when the wall clock was set: that changes what notifications say, but no window.
  void set_clock(std::int64_t boot_to_unix_ns) {
    start_ns_ = start_ns_.value_or(boot_to_unix_ns);
    set_by_ns_ = boot_to_unix_ns - *start_ns_;
  }

  void take(const Finding& finding);
  void take(const Correction& correction);
  void take(const Gap& gap) { counts_.lost_records += gap.lost_records; }
  // Time goes on to `now_ns`: everything that is due until then happens, at its own time. A time in
  // the past changes nothing.
  void advance(std::int64_t now_ns);
  // When advance() should be called next although nothing comes; nullopt: no need.
  [[nodiscard]] std::optional<std::int64_t> due_ns() const { return due_ns_; }

  // Other settings and receivers. A rule that is the same keeps its state; the alerts of one that
  // is not are told as resolved, to the new receivers.
  void reload(EngineSettings settings, std::vector<Receiver*> receivers);

  [[nodiscard]] std::vector<Active> active() const;
  [[nodiscard]] std::size_t subjects() const;
  [[nodiscard]] const EngineCounts& counts() const { return counts_; }

 private:
  enum class Phase : std::uint8_t { idle, pending, firing };

  // The state of one rule for one subject.
  struct Series {
    Window window;
    LastFindings evidence;
    Phase phase = Phase::idle;
    bool announced = false;       // of firing: somebody was told
    bool cooling = false;         // of pending: waits for the cool-down alone
    std::int64_t since_ns = 0;    // of pending: when the level reached the threshold
    std::int64_t fired_ns = 0;    // of firing
    std::int64_t refresh_ns = 0;  // of firing: when to tell again
    std::int64_t quiet_ns = 0;    // end of the cool-down
  };
  struct Watch {
    Rule rule;
    Matcher matcher;
    std::map<Subject, Series> series;
  };

  using Place = std::map<Subject, Series>::value_type&;

  [[nodiscard]] std::int64_t end_of(const Finding& finding) const;
  // What a finding adds to the sums of a rule; nothing when it does not count.
  static Amounts contribution(const Watch& watch, const Finding& finding);
  void count(Watch& watch, const Finding& finding, const Amounts& amounts);
  void recount(Watch& watch, const Finding& before, const Finding& after);
  Place series_of(Watch& watch, Subject subject);
  void settle(Watch& watch, const Subject& subject, Series& series);
  void fire(Watch& watch, const Subject& subject, Series& series);
  void resolve(Watch& watch, const Subject& subject, Series& series);
  void refresh(Watch& watch, const Subject& subject, Series& series);
  void step();
  void tell(Event event, const Watch& watch, const Subject& subject, const Series& series);
  void tell_held_back();
  void give(Notification notification);
  void remind(std::optional<std::int64_t> due_ns);
  [[nodiscard]] std::optional<std::int64_t> due_of(const Watch& watch, const Series& series) const;

  EngineSettings settings_;
  std::vector<Receiver*> receivers_;
  EngineLimits limits_;
  std::vector<Watch> watches_;
  Storm storm_;
  RecentFindings recent_;
  std::optional<std::int64_t> start_ns_;  // time minus CLOCK_BOOTTIME; nullopt: no live run
  std::int64_t set_by_ns_ = 0;            // the wall clock since then
  std::int64_t now_ns_ = 0;
  std::optional<std::int64_t> due_ns_;
  EngineCounts counts_;
};

}  // namespace closewatch::alert
