// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/runner.h"

#include <poll.h>

#include <algorithm>
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

struct Score {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
};

// Plays that are not to be judged before all are over: namespaces stay reserved until then.
class Run {
 public:
  Run(const Options& options, Observer* observer) : options_{options}, observer_{observer} {}

  Result<> play(std::span<const Job> jobs, unsigned side_by_side);
  void await_observer();
  // Adds to `score`; what is to be played again is left in `again`.
  void judge(bool last_round, Score& score, std::vector<Job>& again);

 private:
  struct Running {
    std::size_t index;
    std::chrono::steady_clock::time_point end;
  };
  void wait();
  void collect();
  [[nodiscard]] std::vector<Json> closures(std::size_t index) const;
  [[nodiscard]] std::size_t wanted(std::size_t index) const;
  [[nodiscard]] std::size_t missing() const;
  [[nodiscard]] bool ended_unseen(std::size_t index) const;
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
    if (job.situation->leaves_orphan && observer_ != nullptr) {
      await_observer();
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

// A namespace that an orphan held is gone with it, and its number may be another's at once: what
// comes after the orphan's end is not of the play.
std::vector<Json> Run::closures(std::size_t index) const {
  std::vector<Json> told = observer_->closures(plays_[index].netns(), started_[index]);
  if (plays_[index].situation().leaves_orphan && told.size() > wanted(index)) {
    told.resize(wanted(index));
  }
  return told;
}

// How many closures are to be told of.
std::size_t Run::wanted(std::size_t index) const {
  const Play& play = plays_[index];
  return play.truth().outcome == Outcome::played
             ? play.situation().variant(play.truth().variant).closures.size()
             : 0;
}

std::size_t Run::missing() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < plays_.size(); ++i) {
    const std::size_t want = wanted(i);
    const std::size_t got = want > 0 ? closures(i).size() : 0;
    count += want > got ? want - got : 0;
  }
  return count;
}

// The kernel ran no program when a connection of the play ended, and closewatch said so: it told at
// the release (flag `recovered`), or counted as many unseen ends as there are closures missing.
bool Run::ended_unseen(std::size_t index) const {
  if (observer_ == nullptr || wanted(index) == 0) {
    return false;
  }
  const std::vector<Json> told = closures(index);
  const auto recovered = [](const Json& closure) {
    const Json flags = closure.value("flags", Json::array());
    return std::find(flags.begin(), flags.end(), "recovered") != flags.end();
  };
  return (told.size() < wanted(index) && missing() <= observer_->unseen()) ||
         std::any_of(told.begin(), told.end(), recovered);
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
  const bool counted = !play.situation().leaves_orphan;
  Complaints complaints = counted ? check_counters(expected, truth) : Complaints{};
  const auto add = [&complaints](const Complaints& more) {
    complaints.insert(complaints.end(), more.begin(), more.end());
  };
  if (observer_ != nullptr) {
    const std::vector<Json> told = closures(index);
    add(check_closures(expected, truth, play.family(), options_.hooks, told));
    add(counted ? reconcile(truth, told) : Complaints{});
  }
  return complaints;
}

void Run::judge(bool last_round, Score& score, std::vector<Job>& again) {
  for (std::size_t i = 0; i < plays_.size(); ++i) {
    Play& play = plays_[i];
    const std::string name{play.situation().name};
    const std::string family{name_of(play.family())};
    if (play.finish().outcome == Outcome::skipped) {
      ++score.skipped;
      std::printf("SKIP %s %s: %s\n", name.c_str(), family.c_str(), play.finish().why.bytes.data());
      continue;
    }
    const Complaints complaints = complaints_about(i);
    if (!complaints.empty() && !last_round && ended_unseen(i)) {
      again.push_back({&play.situation(), play.family()});
      std::printf("UNSEEN %s %s: no program ran at its end, and closewatch said so\n", name.c_str(),
                  family.c_str());
      continue;
    }
    const bool passed = complaints.empty();
    ++(passed ? score.passed : score.failed);
    if (!passed || options_.passed) {
      std::printf("%s %s %s\n", passed ? "PASS" : "FAIL", name.c_str(), family.c_str());
    }
    for (const std::string& complaint : complaints) {
      std::printf("     %s\n", complaint.c_str());
    }
  }
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

std::vector<Job> chosen(const Options& options) {
  std::vector<Job> jobs;
  for (const demo::Situation& situation : all_situations()) {
    if ((options.own_machine || !situation.own_machine) &&
        std::regex_search(std::string{situation.name}, options.filter)) {
      for (const demo::Family family : options.families) {
        jobs.push_back({&situation, family});
      }
    }
  }
  return jobs;
}

// Plays the jobs before an observer of their own; leaves those that are to be played again.
Result<> play_round(const Options& options, std::vector<Job>& jobs, bool last_round, Score& score) {
  // Those that touch a limit of the host or all of it, or leave a connection behind, play alone, at
  // the end.
  const auto alone = std::stable_partition(jobs.begin(), jobs.end(), [](const Job& job) {
    return job.situation->host_limit.empty() && !job.situation->own_machine &&
           !job.situation->leaves_orphan;
  });
  std::optional<Observer> observer;
  if (!options.closewatch.empty()) {
    auto started = Observer::start(options.closewatch, options.hooks);
    if (!started) {
      return std::move(started).error();
    }
    observer.emplace(std::move(started).take());
  }
  Run run{options, observer ? &*observer : nullptr};
  if (auto played = run.play({jobs.begin(), alone}, options.jobs); !played) {
    return std::move(played).error();
  }
  if (auto played = run.play({alone, jobs.end()}, 1); !played) {
    return std::move(played).error();
  }
  const int failed_before = score.failed;
  if (observer) {
    run.await_observer();
    score.failed += judge_observer(*observer) ? 0 : 1;
  }
  jobs.clear();
  run.judge(last_round, score, jobs);
  if (observer && (score.failed > failed_before || !jobs.empty())) {
    std::printf("closewatch said on stderr:\n%s", observer->diagnostics().c_str());
  }
  return {};
}

}  // namespace

Result<bool> run(const Options& options) {
  std::vector<Job> jobs = chosen(options);
  Score score;
  for (unsigned round = 1; round == 1 || !jobs.empty(); ++round) {
    if (auto played = play_round(options, jobs, round >= options.rounds, score); !played) {
      return std::move(played).error();
    }
  }
  std::printf("%d passed, %d failed, %d skipped\n", score.passed, score.failed, score.skipped);
  return score.failed == 0;
}

}  // namespace closewatch::scenarios
