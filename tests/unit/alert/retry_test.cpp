// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/retry.h"

#include <gtest/gtest.h>

namespace closewatch::alert {
namespace {

using std::chrono::milliseconds;

TEST(Retry, DoublesUpToAMinuteAndTakesHalfToAllOfIt) {
  const Retry retry{.attempts = 10, .back_off = milliseconds(500)};
  EXPECT_EQ(retry.pause(1, 1), milliseconds(500));
  EXPECT_EQ(retry.pause(1, 0), milliseconds(250));
  EXPECT_EQ(retry.pause(2, 1), milliseconds(1000));
  EXPECT_EQ(retry.pause(3, 0.5), milliseconds(1500));
  EXPECT_EQ(retry.pause(7, 1), milliseconds(32'000));
  EXPECT_EQ(retry.pause(8, 1), milliseconds(60'000));
  EXPECT_EQ(retry.pause(1000, 0), milliseconds(30'000));
}

}  // namespace
}  // namespace closewatch::alert
