// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/pending_watch.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "userspace/base/signals_blocked.h"

namespace closewatch {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kEvery{5};
// Of the time that a look takes: a host with very many sockets is looked at less often.
constexpr int kRests = 50;

}  // namespace

PendingWatch::PendingWatch(Read read) : read_(std::move(read)) {
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

PendingWatch::~PendingWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::optional<PendingReading> PendingWatch::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

void PendingWatch::run() {
  ::pthread_setname_np(::pthread_self(), "pending");
  std::unique_lock lock(mutex_);
  while (!over_) {
    lock.unlock();
    const auto begun = steady_clock::now();
    const auto closes = read_();
    const auto rest =
        std::max<steady_clock::duration>(kEvery, kRests * (steady_clock::now() - begun));
    lock.lock();
    latest_ = closes.ok() ? std::optional{summary_of(*closes)} : std::nullopt;
    changed_.wait_for(lock, rest, [this] { return over_; });
  }
}

}  // namespace closewatch
