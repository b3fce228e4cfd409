// SPDX-License-Identifier: Apache-2.0
// What holds of the engine whatever comes: random rules, closures, late facts and silences.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/unit/alert/alert_samples.h"
#include "userspace/alert/engine.h"

namespace closewatch::alert {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Chance {
 public:
  explicit Chance(std::uint32_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

 private:
  std::minstd_rand random_;
};

std::vector<Rule> random_rules(Chance& chance) {
  std::vector<Rule> rules;
  for (std::uint32_t n = 0; n <= chance.below(5); ++n) {
    Rule rule = testing::aborts(1 + chance.below(4));
    rule.name = "rule_" + std::to_string(n);
    rule.per = static_cast<Scope>(chance.below(3));
    rule.measure = static_cast<Measure>(chance.below(4));
    if (rule.measure == Measure::share) {
      rule.threshold = 0.25 * (1 + chance.below(4));
    } else if (rule.measure == Measure::rise) {
      rule.threshold = 1.5 + chance.below(3);
    }
    if (chance.below(2) == 0) {
      rule.resolve = rule.threshold / 2;
    }
    rule.at_least = 1 + chance.below(4);
    rule.window = seconds(1 + chance.below(100));
    rule.hold_for = milliseconds(chance.below(2) * chance.below(20'000));
    rule.cool_down = milliseconds(chance.below(2) * chance.below(60'000));
    rules.push_back(rule);
  }
  return rules;
}

// What a receiver must be able to rely on.
class Strict final : public Receiver {
 public:
  void receive(const SharedNotification& told) override {
    EXPECT_GE(told->unix_ns, last_ns_);
    last_ns_ = told->unix_ns;
    if (told->event == Event::more) {
      held_back += told->held_back_alerts();
      return;
    }
    bool& open = open_[{told->rule.name, told->subject}];
    switch (told->event) {
      case Event::firing:
        EXPECT_FALSE(open);
        EXPECT_GE(told->level, told->rule.resolve.value_or(told->rule.threshold));
        EXPECT_LE(told->since_unix_ns, told->unix_ns);
        open = true;
        ++firing;
        break;
      case Event::still_firing:
        EXPECT_TRUE(open);
        break;
      case Event::resolved:
        EXPECT_TRUE(open);
        EXPECT_LT(told->level, told->rule.threshold);
        open = false;
        ++resolved;
        break;
      case Event::more:
        break;
    }
  }

  std::uint64_t firing = 0;
  std::uint64_t resolved = 0;
  std::uint64_t held_back = 0;

 private:
  std::int64_t last_ns_ = 0;
  std::map<std::pair<std::string, Subject>, bool> open_;
};

TEST(EngineProperty, EveryAlertIsToldOnceAndEndsAndNothingIsKept) {
  std::uint64_t fired = 0;
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    Chance chance(seed);
    Strict strict;
    Engine engine({.rules = random_rules(chance),
                   .storm = {.alerts = 1 + chance.below(3), .interval = seconds(5)},
                   .refresh = seconds(10)},
                  {&strict}, {.subjects = 12, .remembered = 16});
    std::int64_t after_ns = 0;
    std::vector<ClosureId> ids;
    for (int n = 0; n < 400; ++n) {
      after_ns += chance.below(chance.below(20) == 0 ? 2'000'000'000 : 800'000'000);
      const std::string comm = "p" + std::to_string(chance.below(8));
      Finding finding = testing::closure(
          after_ns - chance.below(100'000'000),
          chance.below(3) == 0 ? Reason::local_first : Reason::unread_data, chance.below(3), comm);
      finding.process.cgroup = "/" + comm;
      if (chance.below(10) == 0) {
        finding.closure.process = {};
        finding.process = {};
      }
      engine.take(finding);
      ids.push_back(finding.closure.id);
      if (chance.below(5) == 0) {
        Correction correction;
        correction.amendment.id = ids[ids.size() - 1 - chance.below(20) % ids.size()];
        correction.amendment.unread = chance.below(50);
        if (chance.below(2) == 0) {
          correction.verdict = data_after_close();
        }
        if (chance.below(2) == 0) {
          correction.amendment.process = task_of(7, "p1", 0);
        }
        engine.take(correction);
      }
      if (chance.below(7) == 0) {
        engine.advance(kNoon + after_ns);
      }
      ASSERT_LE(engine.subjects(), 12 + 3 * 5) << seed;
    }
    engine.advance(kNoon + after_ns + 1'000'000'000'000);
    const EngineCounts& counts = engine.counts();
    EXPECT_EQ(engine.subjects(), 0) << seed;
    EXPECT_TRUE(engine.active().empty()) << seed;
    EXPECT_EQ(engine.due_ns(), std::nullopt) << seed;
    EXPECT_EQ(counts.fired, counts.resolved) << seed;
    EXPECT_EQ(counts.announced, strict.firing) << seed;
    EXPECT_EQ(strict.firing, strict.resolved) << seed;
    EXPECT_EQ(counts.held_back, strict.held_back) << seed;
    EXPECT_GE(counts.announced + counts.held_back, counts.fired) << seed;
    fired += counts.fired;
  }
  EXPECT_GT(fired, 500);  // the chances make alerts, or nothing was shown
}

}  // namespace
}  // namespace closewatch::alert
