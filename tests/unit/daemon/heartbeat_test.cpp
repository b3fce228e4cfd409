// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/heartbeat.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

TEST(Heartbeat, BeatsWhileThereIsNothingToRead) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats({.recorded = 0, .closures = 0, .records = 0}));
  EXPECT_TRUE(heartbeat.beats({.recorded = 0, .closures = 0, .records = 0}));
}

TEST(Heartbeat, BeatsWhileRecordsAreRead) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats({.recorded = 100, .closures = 90, .records = 90}));
  // Slow, but it gets on.
  EXPECT_TRUE(heartbeat.beats({.recorded = 200, .closures = 91, .records = 91}));
  EXPECT_FALSE(heartbeat.beats({.recorded = 200, .closures = 91, .records = 91}));
}

TEST(Heartbeat, StopsWhenRecordsWaitAndNoneIsRead) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats({.recorded = 100, .closures = 100, .records = 100}));
  EXPECT_FALSE(heartbeat.beats({.recorded = 150, .closures = 100, .records = 100}));
  // The 50 still wait, though no more come.
  EXPECT_FALSE(heartbeat.beats({.recorded = 150, .closures = 100, .records = 100}));
  EXPECT_TRUE(heartbeat.beats({.recorded = 150, .closures = 101, .records = 101}));
  EXPECT_FALSE(heartbeat.beats({.recorded = 150, .closures = 101, .records = 101}));
  EXPECT_TRUE(heartbeat.beats({.recorded = 150, .closures = 150, .records = 150}));
}

// 200 failed attempts were read: they do not stand for the 50 closures that wait.
TEST(Heartbeat, WhatElseWasReadIsNoClosure) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats({.recorded = 100, .closures = 100, .records = 300}));
  EXPECT_FALSE(heartbeat.beats({.recorded = 150, .closures = 100, .records = 300}));
}

TEST(Heartbeat, BeatsWhileOtherRecordsAreReadBeforeClosures) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats({.recorded = 150, .closures = 100, .records = 300}));
  EXPECT_TRUE(heartbeat.beats({.recorded = 150, .closures = 100, .records = 301}));
  EXPECT_FALSE(heartbeat.beats({.recorded = 150, .closures = 100, .records = 301}));
}

// All was read before the count of what there was is as new as that.
TEST(Heartbeat, BeatsInTheQuietAfterABurst) {
  Heartbeat heartbeat;
  EXPECT_TRUE(heartbeat.beats({.recorded = 0, .closures = 14, .records = 14}));
  for (int look = 0; look < 10; ++look) {
    EXPECT_TRUE(heartbeat.beats({.recorded = 14, .closures = 14, .records = 14})) << look;
  }
}

}  // namespace
}  // namespace closewatch
