// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/heartbeat.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

TEST(Heartbeat, BeatsWhileThereIsNothingToRead) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats(0, 0));
  EXPECT_TRUE(heartbeat.beats(0, 0));
}

TEST(Heartbeat, BeatsWhileRecordsAreRead) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats(100, 90));
  EXPECT_TRUE(heartbeat.beats(200, 91));  // slow, but it gets on
  EXPECT_FALSE(heartbeat.beats(200, 91));
}

TEST(Heartbeat, StopsWhenRecordsWaitAndNoneIsRead) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats(100, 100));
  EXPECT_FALSE(heartbeat.beats(150, 100));
  EXPECT_FALSE(heartbeat.beats(150, 100));  // the 50 still wait, though no more come
  EXPECT_TRUE(heartbeat.beats(150, 101));
  EXPECT_FALSE(heartbeat.beats(150, 101));
  EXPECT_TRUE(heartbeat.beats(150, 150));
}

// All was read before the count of what there was is as new as that.
TEST(Heartbeat, BeatsInTheQuietAfterABurst) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats(0, 14));
  for (int look = 0; look < 10; ++look) {
    EXPECT_TRUE(heartbeat.beats(14, 14)) << look;
  }
}

}  // namespace
}  // namespace closewatch
