// SPDX-License-Identifier: Apache-2.0
// Takes notifications to their receivers: each notifier has a thread and a bounded queue of its
// own, so that one that is slow or dead holds up neither the others nor the engine. A full queue
// refuses what is new and counts it.
//
// offered = delivered + failed + refused + left + waiting, for each notifier at any time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/alert/notification.h"
#include "userspace/alert/notifier.h"
#include "userspace/base/result.h"

namespace closewatch::alert {

struct DeliveryCounts {
  std::string name;           // of the notifier
  std::uint64_t offered = 0;  // notifications that it wanted
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;   // after the last attempt
  std::uint64_t refused = 0;  // the queue was full, or stop() had begun
  std::uint64_t left = 0;     // not delivered when stop() ran out of time
  std::uint64_t waiting = 0;  // in the queue, or under way
  std::uint64_t attempts = 0;
  std::string last_error = {};  // raw; empty: none yet
};

class Delivery final : public Receiver {
 public:
  // Told on a notifier's thread: it begins to fail (the error, raw), or works again (empty).
  using Complain = std::function<void(std::string_view name, std::string_view error)>;

  static Result<std::unique_ptr<Delivery>> start(std::vector<std::unique_ptr<Notifier>> notifiers,
                                                 std::size_t queue, const Complain& complain = {});
  // As stop() without any time.
  ~Delivery() override;

  // Any thread; never waits for a receiver.
  void receive(const SharedNotification& notification) override;

  // Delivers what waits for at most `within`; what is left then is counted. Nothing is taken any
  // more. Returns when all threads have ended: no later than a moment after `within`. From then on
  // only counts() is of use; a second call changes nothing.
  void stop(std::chrono::milliseconds within);

  [[nodiscard]] std::vector<DeliveryCounts> counts() const;

 private:
  class Lane;

  explicit Delivery(Halt halt);

  Halt halt_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace closewatch::alert
