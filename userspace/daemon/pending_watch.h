// SPDX-License-Identifier: Apache-2.0
// Closes that still run in the background, looked at every few seconds by a thread of its own: that
// is a walk over every socket of the host, which must not keep the ring thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/metrics/readings.h"

namespace closewatch {

class PendingWatch {
 public:
  using Read = std::function<Result<std::vector<PendingClose>>()>;

  // `read` is called by the thread alone, until the destructor is done.
  explicit PendingWatch(Read read);
  PendingWatch(const PendingWatch&) = delete;
  PendingWatch& operator=(const PendingWatch&) = delete;
  ~PendingWatch();

  // nullopt: not known, because the last look failed or there was none yet.
  [[nodiscard]] std::optional<PendingReading> latest() const;

 private:
  void run();

  Read read_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<PendingReading> latest_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace closewatch
