// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "tests/data/fake_server.h"
#include "tests/unit/alert/alert_samples.h"
#include "userspace/alert/alertmanager_notifier.h"
#include "userspace/alert/webhook_notifier.h"

namespace closewatch::alert {
namespace {

using closewatch::testing::answers;
using closewatch::testing::FakeServer;
using closewatch::testing::hangs_after;
using closewatch::testing::kOk;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::ElementsAre;
using testing::sample_notification;
using testing::shared;

// What a scripted notifier was asked to do; outlives it.
struct Script {
  // Waits until so many attempts have begun.
  void await(std::size_t attempts) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return levels.size() >= attempts; });
  }
  void release() {
    const std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }

  std::vector<Outcome> outcomes = {};  // of the attempts, in order; then delivered
  bool released = true;                // false: an attempt waits until it is, or halted
  Retry retry = {};

  std::mutex mutex = {};
  std::condition_variable changed = {};
  std::vector<double> levels = {};  // of what each attempt was to deliver
};

class Scripted final : public Notifier {
 public:
  explicit Scripted(Script& script) : script_(script) {}
  [[nodiscard]] std::string name() const override { return "scripted"; }
  [[nodiscard]] Retry retry() const override { return script_.retry; }

  Attempt deliver(const Notification& notification, const Halt& halt) override {
    std::unique_lock lock(script_.mutex);
    script_.levels.push_back(notification.level);
    script_.changed.notify_all();
    if (!script_.released) {
      lock.unlock();
      while (halt.sleep(milliseconds(1))) {
        const std::lock_guard again(script_.mutex);
        if (script_.released) {
          break;
        }
      }
      if (halt.raised()) {
        return {Outcome::halted};
      }
      lock.lock();
    }
    const std::size_t index = script_.levels.size() - 1;
    const Outcome outcome =
        index < script_.outcomes.size() ? script_.outcomes[index] : Outcome::delivered;
    return {outcome, outcome == Outcome::delivered ? "" : "scripted error"};
  }

 private:
  Script& script_;
};

std::unique_ptr<Delivery> start(std::vector<Script*> scripts, std::size_t queue,
                                Delivery::Complain complain = {}) {
  std::vector<std::unique_ptr<Notifier>> notifiers;
  for (Script* script : scripts) {
    notifiers.push_back(std::make_unique<Scripted>(*script));
  }
  return std::move(Delivery::start(std::move(notifiers), queue, std::move(complain))).take();
}

SharedNotification numbered(double number) {
  Notification notification = sample_notification();
  notification.level = number;
  return shared(notification);
}

void expect_whole(const DeliveryCounts& counts) {
  EXPECT_EQ(counts.offered,
            counts.delivered + counts.failed + counts.refused + counts.left + counts.waiting);
}

TEST(Delivery, DeliversInOrder) {
  Script script;
  const auto delivery = start({&script}, 10);
  for (int n = 0; n < 5; ++n) {
    delivery->receive(numbered(n));
  }
  delivery->stop(minutes(1));
  EXPECT_THAT(script.levels, ElementsAre(0, 1, 2, 3, 4));
  const DeliveryCounts counts = delivery->counts()[0];
  EXPECT_EQ(counts.offered, 5);
  EXPECT_EQ(counts.delivered, 5);
  EXPECT_EQ(counts.attempts, 5);
  EXPECT_EQ(counts.last_error, "");
}

TEST(Delivery, RefusesWhatTheQueueCannotHold) {
  Script script{.released = false};
  const auto delivery = start({&script}, 3);
  delivery->receive(numbered(0));
  script.await(1);  // it is under way: the queue is empty again
  for (int n = 1; n < 10; ++n) {
    delivery->receive(numbered(n));
  }
  DeliveryCounts counts = delivery->counts()[0];
  EXPECT_EQ(counts.refused, 6);
  EXPECT_EQ(counts.waiting, 4);
  expect_whole(counts);
  script.release();
  delivery->stop(minutes(1));
  counts = delivery->counts()[0];
  EXPECT_THAT(script.levels, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(counts.delivered, 4);
  EXPECT_EQ(counts.refused, 6);
  expect_whole(counts);
}

TEST(Delivery, ADeadReceiverHoldsUpNobody) {
  Script dead{.released = false};
  Script alive;
  const auto delivery = start({&dead, &alive}, 2);
  for (int n = 0; n < 2; ++n) {
    delivery->receive(numbered(n));
  }
  alive.await(2);
  delivery->stop(milliseconds(0));
  EXPECT_EQ(delivery->counts()[0].delivered, 0);
  EXPECT_EQ(delivery->counts()[0].left, 2);
  EXPECT_EQ(delivery->counts()[1].delivered, 2);
}

TEST(Delivery, StopCountsWhatItCouldNotDeliver) {
  Script script{.released = false};
  const auto delivery = start({&script}, 10);
  for (int n = 0; n < 4; ++n) {
    delivery->receive(numbered(n));
  }
  script.await(1);
  delivery->stop(milliseconds(10));
  delivery->receive(numbered(9));
  const DeliveryCounts counts = delivery->counts()[0];
  EXPECT_EQ(counts.left, 4);
  EXPECT_EQ(counts.refused, 1);
  EXPECT_EQ(counts.waiting, 0);
  expect_whole(counts);
  delivery->stop(milliseconds(10));
  EXPECT_EQ(delivery->counts()[0].left, 4);
}

TEST(Delivery, TriesAgainAndNoMoreThanItMay) {
  Script script{.outcomes = {Outcome::again, Outcome::again, Outcome::delivered,  // the first
                             Outcome::again, Outcome::again, Outcome::again,      // the second
                             Outcome::failed},                                    // the third
                .retry = {.attempts = 3, .back_off = milliseconds(1)}};
  std::vector<std::string> complaints;
  const auto delivery = start({&script}, 10, [&](std::string_view name, std::string_view error) {
    complaints.push_back(std::string(name) + ": " + std::string(error));
  });
  for (int n = 0; n < 4; ++n) {
    delivery->receive(numbered(n));
  }
  delivery->stop(minutes(1));
  EXPECT_THAT(script.levels, ElementsAre(0, 0, 0, 1, 1, 1, 2, 3));
  const DeliveryCounts counts = delivery->counts()[0];
  EXPECT_EQ(counts.delivered, 2);
  EXPECT_EQ(counts.failed, 2);
  EXPECT_EQ(counts.attempts, 8);
  EXPECT_EQ(counts.last_error, "scripted error");
  EXPECT_THAT(complaints, ElementsAre("scripted: scripted error",
                                      "scripted: ", "scripted: scripted error", "scripted: "));
}

TEST(Delivery, ABackOffIsInterruptedByTheStop) {
  Script script{.outcomes = {Outcome::again}, .retry = {.attempts = 2, .back_off = hours(1)}};
  const auto delivery = start({&script}, 10);
  delivery->receive(numbered(0));
  script.await(1);
  delivery->stop(milliseconds(1));
  EXPECT_EQ(delivery->counts()[0].left, 1);
  EXPECT_EQ(delivery->counts()[0].attempts, 1);
}

TEST(Delivery, OnlyWhoNeedsItIsToldThatAnAlertGoesOn) {
  Script script;
  const auto delivery = start({&script}, 10);
  Notification notification = sample_notification();
  notification.event = Event::still_firing;
  delivery->receive(shared(notification));
  delivery->stop(minutes(1));
  EXPECT_EQ(delivery->counts()[0].offered, 0);
}

TEST(Delivery, ManyThreadsMayGive) {
  Script script;
  const auto delivery = start({&script}, 1'000'000);
  std::vector<std::thread> givers;
  for (int giver = 0; giver < 4; ++giver) {
    givers.emplace_back([&] {
      for (int n = 0; n < 500; ++n) {
        delivery->receive(numbered(n));
        static_cast<void>(delivery->counts());
      }
    });
  }
  for (std::thread& giver : givers) {
    giver.join();
  }
  delivery->stop(minutes(1));
  EXPECT_EQ(delivery->counts()[0].delivered, 2000);
}

// A real webhook in a real delivery: each of these receivers lies in its own way.
DeliveryCounts counts_with(FakeServer& server, int notifications, milliseconds timeout) {
  std::vector<std::unique_ptr<Notifier>> notifiers;
  notifiers.push_back(std::move(WebhookNotifier::create({.url = server.url(),
                                                         .timeout = timeout,
                                                         .attempts = 3,
                                                         .back_off = milliseconds(1)}))
                          .take());
  const auto delivery = std::move(Delivery::start(std::move(notifiers), 100)).take();
  for (int n = 0; n < notifications; ++n) {
    delivery->receive(numbered(n));
  }
  delivery->stop(minutes(1));
  expect_whole(delivery->counts()[0]);
  return delivery->counts()[0];
}

TEST(Delivery, CountsExactlyWhatAWebhookMadeOfIt) {
  FakeServer good(answers(std::string(kOk)));
  EXPECT_EQ(counts_with(good, 20, minutes(1)).delivered, 20);
  EXPECT_EQ(good.requests().size(), 20);

  FakeServer silent(hangs_after(""));
  DeliveryCounts counts = counts_with(silent, 2, milliseconds(30));
  EXPECT_EQ(counts.failed, 2);
  EXPECT_EQ(counts.attempts, 6);

  FakeServer broken(answers("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"));
  counts = counts_with(broken, 5, minutes(1));
  EXPECT_EQ(counts.failed, 5);
  EXPECT_EQ(counts.attempts, 15);
  EXPECT_EQ(counts.last_error, "HTTP status 500");
  EXPECT_EQ(broken.requests().size(), 15);

  FakeServer refusing(answers("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"));
  counts = counts_with(refusing, 5, minutes(1));
  EXPECT_EQ(counts.failed, 5);
  EXPECT_EQ(counts.attempts, 5);
}

TEST(Delivery, AWebhookThatHangsDoesNotOutliveTheStop) {
  Script begun;
  FakeServer server([&begun](int connection) {
    {
      const std::lock_guard lock(begun.mutex);
      begun.levels.push_back(0);
      begun.changed.notify_all();
    }
    hangs_after("")(connection);
  });
  std::vector<std::unique_ptr<Notifier>> notifiers;
  notifiers.push_back(
      std::move(WebhookNotifier::create({.url = server.url(), .timeout = minutes(1)})).take());
  const auto delivery = std::move(Delivery::start(std::move(notifiers), 100)).take();
  for (int n = 0; n < 3; ++n) {
    delivery->receive(numbered(n));
  }
  begun.await(1);
  const auto before = std::chrono::steady_clock::now();
  delivery->stop(milliseconds(10));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30));
  EXPECT_EQ(delivery->counts()[0].left, 3);
}

TEST(Delivery, AlertmanagerIsToldAtItsOwnAddressAndThatAnAlertGoesOn) {
  FakeServer server(answers(std::string(kOk)));
  std::vector<std::unique_ptr<Notifier>> notifiers;
  notifiers.push_back(
      std::move(AlertmanagerNotifier::create({.url = server.url("/prefix/")}, "host", minutes(1)))
          .take());
  const auto delivery = std::move(Delivery::start(std::move(notifiers), 100)).take();
  Notification notification = sample_notification();
  notification.event = Event::still_firing;
  delivery->receive(shared(notification));
  delivery->stop(minutes(1));
  ASSERT_EQ(server.requests().size(), 1);
  EXPECT_THAT(server.requests()[0], ::testing::StartsWith("POST /prefix/api/v2/alerts HTTP/1.1"));
}

}  // namespace
}  // namespace closewatch::alert
