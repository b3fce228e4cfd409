// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/engine.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "userspace/classify/meaning.h"

namespace closewatch::alert {
namespace {

// Leaves room for every length of time that settings.h allows; the year 2116.
constexpr std::int64_t kEndOfTime = std::int64_t{1} << 62;

std::int64_t ns(std::chrono::milliseconds time) { return std::chrono::nanoseconds(time).count(); }

Subject subject_of(Scope scope, const Finding& finding) {
  switch (scope) {
    case Scope::process:
      if (finding.closure.process.known()) {
        return {Subject::Kind::named, std::string(finding.closure.process.comm())};
      }
      return {Subject::Kind::unknown};
    case Scope::cgroup:
      if (finding.process.cgroup) {
        return {Subject::Kind::named, *finding.process.cgroup};
      }
      return {Subject::Kind::unknown};
    case Scope::host:
      break;
  }
  return {Subject::Kind::host};
}

double level_of(const Rule& rule, const Window& window) {
  const Amounts& now = window.now();
  const auto matched = static_cast<double>(now.matched);
  switch (rule.measure) {
    case Measure::count:
      return matched;
    case Measure::bytes:
      return static_cast<double>(now.bytes);
    case Measure::share:
      return now.covered >= std::max<std::uint64_t>(1, rule.at_least)
                 ? matched / static_cast<double>(now.covered)
                 : 0;
    case Measure::rise:
      return now.matched >= rule.at_least
                 ? matched /
                       static_cast<double>(std::max<std::uint64_t>(1, window.before().matched))
                 : 0;
  }
  return 0;
}

bool is_over(const Rule& rule, double level) {
  return rule.resolve ? level <= *rule.resolve : level < rule.threshold;
}

std::optional<std::int64_t> earlier(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  return !a ? b : !b ? a : std::min(*a, *b);
}

// What a late fact makes of a finding.
void correct(Finding& finding, const Correction& correction) {
  Closure& closure = finding.closure;
  const Amendment& amendment = correction.amendment;
  closure.facts.rst_answer |= amendment.facts.rst_answer;
  closure.facts.late_data_reset |= amendment.facts.late_data_reset;
  closure.facts.peer_never_closed |= amendment.facts.peer_never_closed;
  closure.unread = std::max(closure.unread, amendment.unread);
  finding.verdict.lost = closure.discarded() + closure.unread > 0;
  if (!correction.rst_reason.empty()) {
    finding.rst_reason = correction.rst_reason;
  }
  if (!closure.process.known() && amendment.process.known()) {
    closure.process = amendment.process;
    closure.role = amendment.role;
    finding.process = correction.process;
  }
  if (const auto& verdict = correction.verdict) {
    finding.verdict.cls = verdict->cls;
    finding.verdict.reason = verdict->reason;
    finding.verdict.rule = verdict->rule;
    finding.verdict.initiator = verdict->initiator;
  }
}

}  // namespace

EngineSettings engine_settings(const Settings& settings, std::uint64_t tick_ns) {
  return {.rules = effective_rules(settings),
          .storm = settings.storm,
          .refresh = settings.refresh,
          .tick_ns = tick_ns};
}

Engine::Engine(EngineSettings settings, std::vector<Receiver*> receivers, EngineLimits limits)
    : limits_(limits), storm_(settings.storm), recent_(limits.remembered) {
  reload(std::move(settings), std::move(receivers));
}

std::int64_t Engine::end_of(const Finding& finding) const {
  return std::clamp<std::int64_t>(
      start_ns_ ? static_cast<std::int64_t>(finding.closure.end_ns) + *start_ns_
                : finding.end_unix_ns,
      0, kEndOfTime);
}

void Engine::take(const Finding& finding) {
  advance(end_of(finding));
  ++counts_.findings;
  recent_.remember(finding);
  for (Watch& watch : watches_) {
    count(watch, finding, contribution(watch, finding));
  }
}

void Engine::take(const Correction& correction) {
  Finding* const finding = recent_.find(correction.amendment.id);
  if (finding == nullptr) {
    ++counts_.late_facts;
    return;
  }
  ++counts_.corrections;
  Finding corrected = *finding;
  correct(corrected, correction);
  for (Watch& watch : watches_) {
    recount(watch, *finding, corrected);
  }
  *finding = std::move(corrected);
}

Amounts Engine::contribution(const Watch& watch, const Finding& finding) {
  if (!watch.matcher.covers(finding)) {
    return {};
  }
  const Closure& closure = finding.closure;
  const bool wanted = watch.matcher.wants(finding);
  return {.matched = wanted ? 1U : 0U,
          .bytes = wanted ? closure.discarded() + closure.unread : 0U,
          .covered = watch.rule.measure == Measure::share ? 1U : 0U};
}

void Engine::count(Watch& watch, const Finding& finding, const Amounts& amounts) {
  if (amounts == Amounts{}) {
    return;
  }
  auto& [subject, series] = series_of(watch, subject_of(watch.rule.per, finding));
  series.window.advance(now_ns_);
  if (!series.window.add(end_of(finding), amounts)) {
    ++counts_.too_late;
    return;
  }
  if (amounts.matched > 0) {
    series.evidence.put(finding);
  }
  settle(watch, subject, series);
  remind(due_of(watch, series));
}

// What has left the window since needs no correction.
void Engine::recount(Watch& watch, const Finding& before, const Finding& after) {
  const Amounts was = contribution(watch, before);
  const Amounts is = contribution(watch, after);
  if (was == Amounts{}) {
    count(watch, after, is);
    return;
  }
  auto found = watch.series.find(subject_of(watch.rule.per, before));
  if (found == watch.series.end()) {
    found = watch.series.find({Subject::Kind::others});
  }
  if (found == watch.series.end() || !found->second.window.take_away(end_of(before), was)) {
    return;
  }
  auto& [subject, series] = *found;
  series.evidence.drop(before.id);
  count(watch, after, is);
  settle(watch, subject, series);
  remind(due_of(watch, series));
}

Engine::Place Engine::series_of(Watch& watch, Subject subject) {
  auto found = watch.series.find(subject);
  if (found != watch.series.end()) {
    return *found;
  }
  const std::size_t part = std::max<std::size_t>(1, limits_.subjects / watches_.size());
  if (subject.kind == Subject::Kind::named && watch.series.size() >= part) {
    ++counts_.folded;
    subject = {Subject::Kind::others};
  }
  const std::int64_t length_ns = ns(watch.rule.window);
  return *watch.series
              .try_emplace(std::move(subject),
                           Series{.window = Window(length_ns, watch.rule.measure == Measure::rise),
                                  .evidence = LastFindings(limits_.evidence)})
              .first;
}

void Engine::settle(Watch& watch, const Subject& subject, Series& series) {
  const Rule& rule = watch.rule;
  const double level = level_of(rule, series.window);
  if (series.phase == Phase::firing) {
    if (is_over(rule, level)) {
      resolve(watch, subject, series);
    }
    return;
  }
  if (level < rule.threshold) {
    series.phase = Phase::idle;
    return;
  }
  if (series.phase == Phase::idle) {
    series.phase = Phase::pending;
    series.cooling = false;
    series.since_ns = now_ns_;
  }
  if (now_ns_ < series.since_ns + ns(rule.hold_for)) {
    return;
  }
  if (now_ns_ < series.quiet_ns) {
    counts_.cooled_down += series.cooling ? 0 : 1;
    series.cooling = true;
    return;
  }
  fire(watch, subject, series);
}

void Engine::fire(Watch& watch, const Subject& subject, Series& series) {
  ++counts_.fired;
  series.phase = Phase::firing;
  series.fired_ns = now_ns_;
  series.refresh_ns = now_ns_ + ns(settings_.refresh);
  series.announced = storm_.admit(now_ns_);
  if (series.announced) {
    ++counts_.announced;
    tell(Event::firing, watch, subject, series);
  } else {
    ++counts_.held_back;
    storm_.hold_back(watch.rule.name);
    remind(storm_.due_ns());
  }
}

// Nothing that was announced stays open at a receiver: this is never held back.
void Engine::resolve(Watch& watch, const Subject& subject, Series& series) {
  ++counts_.resolved;
  series.phase = Phase::idle;
  series.quiet_ns = now_ns_ + ns(watch.rule.cool_down);
  if (series.announced) {
    tell(Event::resolved, watch, subject, series);
  }
}

// One that was held back and still fires is announced as soon as there is room.
void Engine::refresh(Watch& watch, const Subject& subject, Series& series) {
  series.refresh_ns = now_ns_ + ns(settings_.refresh);
  if (series.announced) {
    tell(Event::still_firing, watch, subject, series);
  } else if (storm_.admit(now_ns_)) {
    series.announced = true;
    ++counts_.announced;
    tell(Event::firing, watch, subject, series);
  }
}

void Engine::advance(std::int64_t now_ns) {
  now_ns = std::min(now_ns, kEndOfTime);
  while (due_ns_ && *due_ns_ <= now_ns) {
    now_ns_ = std::max(now_ns_, *due_ns_);
    step();
  }
  now_ns_ = std::max(now_ns_, now_ns);
}

// All that is due at `now_ns_`.
void Engine::step() {
  due_ns_.reset();
  if (const auto due_ns = storm_.due_ns(); due_ns && *due_ns <= now_ns_) {
    tell_held_back();
  }
  for (Watch& watch : watches_) {
    for (auto at = watch.series.begin(); at != watch.series.end();) {
      auto& [subject, series] = *at;
      series.window.advance(now_ns_);
      settle(watch, subject, series);
      if (series.phase == Phase::firing && series.refresh_ns <= now_ns_) {
        refresh(watch, subject, series);
      }
      if (const auto due_ns = due_of(watch, series)) {
        remind(due_ns);
        ++at;
      } else {
        at = watch.series.erase(at);
      }
    }
  }
  remind(storm_.due_ns());
}

// nullopt: nothing can happen any more before a closure counts, and nothing is to be remembered.
std::optional<std::int64_t> Engine::due_of(const Watch& watch, const Series& series) const {
  std::optional<std::int64_t> due_ns = series.window.due_ns();
  switch (series.phase) {
    case Phase::idle:
      if (series.quiet_ns > now_ns_) {
        due_ns = earlier(due_ns, series.quiet_ns);
      }
      break;
    case Phase::pending:
      due_ns =
          earlier(due_ns, std::max(series.since_ns + ns(watch.rule.hold_for), series.quiet_ns));
      break;
    case Phase::firing:
      due_ns = earlier(due_ns, series.refresh_ns);
      break;
  }
  return due_ns;
}

void Engine::remind(std::optional<std::int64_t> due_ns) { due_ns_ = earlier(due_ns_, due_ns); }

void Engine::tell(Event event, const Watch& watch, const Subject& subject, const Series& series) {
  const Amounts& amounts = series.window.now();
  Notification notification{.event = event,
                            .unix_ns = now_ns_ + set_by_ns_,
                            .since_unix_ns = series.fired_ns + set_by_ns_,
                            .rule = watch.rule,
                            .subject = subject,
                            .level = level_of(watch.rule, series.window),
                            .closures = amounts.matched,
                            .covered = amounts.covered,
                            .bytes = amounts.bytes};
  if (event != Event::resolved) {
    notification.evidence = series.evidence.render(settings_.tick_ns, limits_.evidence_bytes,
                                                   counts_.evidence_left_out);
  }
  if (const Finding* const newest = series.evidence.newest()) {
    notification.advice = explanation_of(newest->verdict.reason).advice;
  }
  give(std::move(notification));
}

void Engine::tell_held_back() {
  Notification notification{.event = Event::more,
                            .unix_ns = now_ns_ + set_by_ns_,
                            .since_unix_ns = storm_.since_ns() + set_by_ns_};
  notification.held_back = storm_.take();
  give(std::move(notification));
}

void Engine::give(Notification notification) {
  notification.lost_records = counts_.lost_records;
  const auto shared = std::make_shared<const Notification>(std::move(notification));
  for (Receiver* receiver : receivers_) {
    receiver->receive(shared);
  }
}

void Engine::reload(EngineSettings settings, std::vector<Receiver*> receivers) {
  settings_ = std::move(settings);
  receivers_ = std::move(receivers);
  storm_.set_limit(settings_.storm);
  std::vector<Watch> old = std::move(watches_);
  watches_.clear();
  for (const Rule& rule : settings_.rules) {
    watches_.push_back({rule, Matcher(rule.match), {}});
    const auto same = std::find_if(old.begin(), old.end(),
                                   [&rule](const Watch& watch) { return watch.rule == rule; });
    if (same != old.end()) {
      watches_.back().series = std::exchange(same->series, {});
    }
  }
  for (Watch& watch : old) {
    for (auto& [subject, series] : watch.series) {
      if (series.phase == Phase::firing) {
        resolve(watch, subject, series);
      }
    }
  }
}

std::vector<Active> Engine::active() const {
  std::vector<Active> all;
  for (const Watch& watch : watches_) {
    for (const auto& [subject, series] : watch.series) {
      if (series.phase == Phase::firing) {
        all.push_back({watch.rule.name, watch.rule.severity, subject, series.fired_ns + set_by_ns_,
                       level_of(watch.rule, series.window)});
      }
    }
  }
  return all;
}

std::size_t Engine::subjects() const {
  return std::accumulate(
      watches_.begin(), watches_.end(), std::size_t{0},
      [](std::size_t sum, const Watch& watch) { return sum + watch.series.size(); });
}

}  // namespace closewatch::alert
