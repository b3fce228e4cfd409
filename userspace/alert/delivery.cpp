// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/delivery.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>

#include "userspace/base/signals_blocked.h"

namespace closewatch::alert {

// One notifier with its queue and its thread.
class Delivery::Lane {
 public:
  Lane(std::unique_ptr<Notifier> notifier, std::size_t limit, const Halt& halt, Complain complain)
      : notifier_(std::move(notifier)),
        limit_(limit),
        halt_(halt),
        complain_(std::move(complain)),
        random_(std::random_device{}()) {
    counts_.name = notifier_->name();
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // The thread leaves every signal to the others, SIGPIPE among them.
  void start() {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
  }

  void offer(const SharedNotification& notification) {
    if (!notifier_->wants(*notification)) {
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      ++counts_.offered;
      if (closed_ || queue_.size() >= limit_) {
        ++counts_.refused;
        return;
      }
      queue_.push_back(notification);
    }
    changed_.notify_all();
  }

  // No more is taken; the thread ends when the queue is empty.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  // False when the thread has not ended by then.
  bool wait_until(std::chrono::steady_clock::time_point end) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, end, [this] { return ended_; });
  }
  void join() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  DeliveryCounts counts() const {
    const std::lock_guard lock(mutex_);
    DeliveryCounts counts = counts_;
    counts.waiting = queue_.size() + (under_way_ ? 1 : 0);
    return counts;
  }

 private:
  void run() {
    while (const SharedNotification next = take()) {
      const Attempt last = deliver(*next);
      const std::lock_guard lock(mutex_);
      under_way_ = false;
      switch (last.outcome) {
        case Outcome::delivered:
          ++counts_.delivered;
          break;
        case Outcome::again:
        case Outcome::failed:
          ++counts_.failed;
          break;
        case Outcome::halted:
          ++counts_.left;
          break;
      }
    }
    {
      const std::lock_guard lock(mutex_);
      counts_.left += queue_.size();
      queue_.clear();
      ended_ = true;
    }
    changed_.notify_all();
  }

  // The next one; null when there is none and will be none, or it is to end.
  SharedNotification take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
    if (queue_.empty() || halt_.raised()) {
      return nullptr;
    }
    SharedNotification next = std::move(queue_.front());
    queue_.pop_front();
    under_way_ = true;
    return next;
  }

  Attempt deliver(const Notification& notification) {
    const Retry retry = notifier_->retry();
    for (std::uint32_t tried = 1;; ++tried) {
      Attempt attempt = notifier_->deliver(notification, halt_);
      note(attempt);
      if (attempt.outcome != Outcome::again || tried >= retry.attempts) {
        return attempt;
      }
      if (!halt_.sleep(retry.pause(tried, std::uniform_real_distribution<>(0, 1)(random_)))) {
        return {Outcome::halted};
      }
    }
  }

  void note(const Attempt& attempt) {
    {
      const std::lock_guard lock(mutex_);
      ++counts_.attempts;
      if (!attempt.error.empty()) {
        counts_.last_error = attempt.error;
      }
    }
    const bool fails = attempt.outcome == Outcome::again || attempt.outcome == Outcome::failed;
    if (attempt.outcome != Outcome::halted && fails != failing_) {
      failing_ = fails;
      if (complain_) {
        complain_(counts_.name, attempt.error);
      }
    }
  }

  const std::unique_ptr<Notifier> notifier_;
  const std::size_t limit_;
  const Halt& halt_;
  const Complain complain_;
  std::minstd_rand random_;  // of the thread alone, like failing_
  bool failing_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SharedNotification> queue_;
  DeliveryCounts counts_;
  bool under_way_ = false;
  bool closed_ = false;
  bool ended_ = false;
  std::thread thread_;
};

Delivery::Delivery(Halt halt) : halt_(std::move(halt)) {}

Result<std::unique_ptr<Delivery>> Delivery::start(std::vector<std::unique_ptr<Notifier>> notifiers,
                                                  std::size_t queue, const Complain& complain) {
  auto halt = Halt::create();
  if (!halt.ok()) {
    return std::move(halt).error();
  }
  std::unique_ptr<Delivery> delivery(new Delivery(std::move(halt).take()));
  for (auto& notifier : notifiers) {
    auto lane = std::make_unique<Lane>(std::move(notifier), queue, delivery->halt_, complain);
    try {
      lane->start();
    } catch (const std::system_error& error) {
      return Error{.what = std::string("cannot start a thread to deliver alerts: ") + error.what(),
                   .hint = "raise the limit of tasks (TasksMax=, ulimit -u)"};
    }
    delivery->lanes_.push_back(std::move(lane));
  }
  return delivery;
}

Delivery::~Delivery() { stop(std::chrono::milliseconds(0)); }

void Delivery::receive(const SharedNotification& notification) {
  for (const auto& lane : lanes_) {
    lane->offer(notification);
  }
}

void Delivery::stop(std::chrono::milliseconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  for (const auto& lane : lanes_) {
    lane->close();
  }
  for (const auto& lane : lanes_) {
    if (!lane->wait_until(end)) {
      halt_.raise();
    }
  }
  for (const auto& lane : lanes_) {
    lane->join();
  }
}

std::vector<DeliveryCounts> Delivery::counts() const {
  std::vector<DeliveryCounts> all;
  std::transform(lanes_.begin(), lanes_.end(), std::back_inserter(all),
                 [](const auto& lane) { return lane->counts(); });
  return all;
}

}  // namespace closewatch::alert
