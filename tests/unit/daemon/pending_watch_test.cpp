// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/pending_watch.h"

#include <gtest/gtest.h>

#include <atomic>

namespace closewatch {
namespace {

std::optional<PendingReading> first_of(const PendingWatch& watch) {
  for (;;) {
    if (auto reading = watch.latest()) {
      return reading;
    }
    std::this_thread::yield();
  }
}

TEST(PendingWatch, SumsUpWhatItReads) {
  const PendingWatch watch([] {
    PendingClose close;
    close.state = TcpState::fin_wait1;
    close.unacked = 10;
    close.never_sent = 5;
    close.age_ns = 7;
    PendingClose other = close;
    other.state = TcpState::last_ack;
    other.age_ns = 9;
    return std::vector{close, other};
  });
  const auto reading = first_of(watch);
  EXPECT_EQ(reading->fin_wait1, 1U);
  EXPECT_EQ(reading->last_ack, 1U);
  EXPECT_EQ(reading->unacked, 20U);
  EXPECT_EQ(reading->never_sent, 10U);
  EXPECT_EQ(reading->oldest_ns, 9U);
}

// Whoever asks never waits for it: the first look has not ended, and nothing is known.
TEST(PendingWatch, KnowsNothingWhileItLooksAndWhenItCannot) {
  std::atomic<bool> looking = false;
  std::atomic<bool> go_on = false;
  const PendingWatch watch([&]() -> Result<std::vector<PendingClose>> {
    looking = true;
    while (!go_on) {
      std::this_thread::yield();
    }
    return Error{.what = "refused"};
  });
  while (!looking) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(watch.latest());
  go_on = true;
}

}  // namespace
}  // namespace closewatch
