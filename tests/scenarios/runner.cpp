// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/runner.h"

#include <poll.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <span>
#include <string>

#include "tests/scenarios/catalogue.h"
#include "tests/scenarios/observer.h"
#include "tests/scenarios/reconcile.h"
#include "userspace/demo/play.h"

namespace closewatch::scenarios {
namespace {

using demo::Outcome;
using demo::Play;

constexpr std::chrono::seconds kObserverPatience{10};
constexpr std::chrono::minutes kPlayPatience{3};  // a script's own deadlines come first

struct Job {
  const demo::Situation* situation;
  demo::Family family;
};

// Now, in the form of the JSON key `time`: later times compare greater.
std::string now_text() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  std::array<char, 48> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%09ldZ", now.tv_nsec);
  return text.data();
}

// Plays that are not to be judged before all are over: namespaces stay reserved until then.
class Run {
 public:
  Run(const Options& options, Observer* observer) : options_{options}, observer_{observer} {}

  Result<> play(std::span<const Job> jobs, unsigned side_by_side);
  void await_observer();
  bool judge();

 private:
  struct Running {
    std::size_t index;
    std::chrono::steady_clock::time_point end;
  };
  void wait();
  void collect();
  [[nodiscard]] std::vector<Json> closures(std::size_t index) const;
  [[nodiscard]] std::size_t missing() const;
  Complaints complaints_about(std::size_t index);

  const Options& options_;
  Observer* observer_;
  std::vector<Play> plays_;
  std::vector<std::string> started_;  // of each play, as now_text()
  std::vector<Running> running_;
};

Result<> Run::play(std::span<const Job> jobs, unsigned side_by_side) {
  for (const Job& job : jobs) {
    started_.push_back(now_text());
    auto play = Play::start(*job.situation, job.family);
    if (!play) {
      return std::move(play).error();
    }
    running_.push_back({plays_.size(), std::chrono::steady_clock::now() + kPlayPatience});
    plays_.push_back(std::move(play).take());
    while (running_.size() >= side_by_side) {
      wait();
    }
  }
  while (!running_.empty()) {
    wait();
  }
  return {};
}

// Until a play ends or closewatch says something.
void Run::wait() {
  std::vector<pollfd> ready;
  for (const Running& running : running_) {
    ready.push_back({.fd = plays_[running.index].pollable(), .events = POLLIN, .revents = 0});
  }
  if (observer_ != nullptr) {
    ready.push_back({.fd = observer_->pollable(), .events = POLLIN, .revents = 0});
  }
  ::poll(ready.data(), ready.size(), 1000);
  if (observer_ != nullptr && ready.back().revents != 0) {
    observer_->take_in();
  }
  collect();
}

void Run::collect() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(running_, [this, now](const Running& running) {
    Play& play = plays_[running.index];
    pollfd ended{.fd = play.pollable(), .events = POLLIN, .revents = 0};
    if (now > running.end) {
      play.stop();
    } else if (::poll(&ended, 1, 0) != 1) {
      return false;
    }
    play.finish();
    return true;
  });
}

std::vector<Json> Run::closures(std::size_t index) const {
  return observer_->closures(plays_[index].netns(), started_[index]);
}

std::size_t Run::missing() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < plays_.size(); ++i) {
    const Play& play = plays_[i];
    const demo::Truth& truth = play.truth();
    if (truth.outcome == Outcome::played) {
      const std::size_t want = play.situation().variant(truth.variant).closures.size();
      const std::size_t got = closures(i).size();
      count += want > got ? want - got : 0;
    }
  }
  return count;
}

void Run::await_observer() {
  const auto end = std::chrono::steady_clock::now() + kObserverPatience;
  while (missing() > 0 && std::chrono::steady_clock::now() < end) {
    pollfd ready{.fd = observer_->pollable(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 100) > 0 && !observer_->take_in()) {
      return;
    }
  }
}

Complaints Run::complaints_about(std::size_t index) {
  Play& play = plays_[index];
  const demo::Truth& truth = play.finish();
  if (truth.outcome == Outcome::failed) {
    return {"the situation did not come about: " + std::string{truth.why.view()}};
  }
  const demo::Variant& expected = play.situation().variant(truth.variant);
  Complaints complaints = check_counters(expected, truth);
  if (observer_ != nullptr) {
    const std::vector<Json> told = closures(index);
    for (auto&& more : {check_closures(expected, truth, play.family(), options_.hooks, told),
                        reconcile(truth, told)}) {
      complaints.insert(complaints.end(), more.begin(), more.end());
    }
  }
  return complaints;
}

bool Run::judge() {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  for (std::size_t i = 0; i < plays_.size(); ++i) {
    Play& play = plays_[i];
    const std::string name{play.situation().name};
    const std::string family{name_of(play.family())};
    if (play.finish().outcome == Outcome::skipped) {
      ++skipped;
      std::printf("SKIP %s %s: %s\n", name.c_str(), family.c_str(), play.finish().why.bytes.data());
      continue;
    }
    const Complaints complaints = complaints_about(i);
    ++(complaints.empty() ? passed : failed);
    std::printf("%s %s %s\n", complaints.empty() ? "PASS" : "FAIL", name.c_str(), family.c_str());
    for (const std::string& complaint : complaints) {
      std::printf("     %s\n", complaint.c_str());
    }
  }
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed == 0;
}

bool judge_observer(Observer& observer) {
  const int code = observer.stop();
  for (const std::string& complaint : observer.complaints()) {
    std::printf("FAIL closewatch: %s\n", complaint.c_str());
  }
  if (code != 0) {
    std::printf("FAIL closewatch: exit code %d\n", code);
  }
  return code == 0 && observer.complaints().empty();
}

}  // namespace

Result<bool> run(const Options& options) {
  std::vector<Job> together;
  std::vector<Job> alone;
  for (const demo::Situation& situation : all_situations()) {
    if (!std::regex_search(std::string{situation.name}, options.filter)) {
      continue;
    }
    for (const demo::Family family : options.families) {
      (situation.host_limit.empty() ? together : alone).push_back({&situation, family});
    }
  }
  std::optional<Observer> observer;
  if (!options.closewatch.empty()) {
    auto started = Observer::start(options.closewatch, options.hooks);
    if (!started) {
      return std::move(started).error();
    }
    observer.emplace(std::move(started).take());
  }
  Run run{options, observer ? &*observer : nullptr};
  if (auto played = run.play(together, options.jobs); !played) {
    return std::move(played).error();
  }
  if (auto played = run.play(alone, 1); !played) {
    return std::move(played).error();
  }
  bool good = true;
  if (observer) {
    run.await_observer();
    good = judge_observer(*observer);
  }
  good = run.judge() && good;
  if (observer && !good) {
    std::printf("closewatch said on stderr:\n%s", observer->diagnostics().c_str());
  }
  return good;
}

}  // namespace closewatch::scenarios
