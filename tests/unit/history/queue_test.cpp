// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/queue.h"

#include <thread>

#include "tests/unit/history/history_file.h"

namespace closewatch::history {
namespace {

using std::chrono::steady_clock;

TEST(Queue, GivesWhatCameInItsOrder) {
  Queue queue(10);
  queue.put(graceful(1));
  queue.put(correction_of(graceful(1)));
  queue.put(graceful(2));
  queue.put(Gap{.lost_records = 3, .since_unix_ns = kNoon});
  Batch batch;
  EXPECT_TRUE(queue.take(batch, steady_clock::now()));
  ASSERT_EQ(batch.count, 2U);
  EXPECT_EQ(batch.findings[0], graceful(1));
  EXPECT_EQ(batch.findings[1], graceful(2));
  ASSERT_EQ(batch.corrections.size(), 1U);
  EXPECT_EQ(batch.corrections[0].after, 1U);
  ASSERT_EQ(batch.gaps.size(), 1U);
  EXPECT_EQ(batch.gaps[0].lost_records, 3U);
  EXPECT_EQ(queue.waiting(), 0U);
}

TEST(Queue, RefusesWhatDoesNotFit) {
  Queue queue(2);
  queue.put(graceful(1));
  queue.put(correction_of(graceful(1)));
  queue.put(graceful(2));
  queue.put(correction_of(graceful(1)));
  EXPECT_EQ(queue.waiting(), 2U);
  EXPECT_EQ(queue.refused(), 2U);
  Batch batch;
  EXPECT_TRUE(queue.take(batch, steady_clock::now()));
  EXPECT_EQ(batch.refused_findings, 1U);
  EXPECT_EQ(batch.refused_corrections, 1U);
  EXPECT_EQ(batch.refused_since_ns, kNoon + 2);
  batch.clear();
  queue.put(graceful(3));
  EXPECT_TRUE(queue.take(batch, steady_clock::now()));
  EXPECT_EQ(batch.count, 1U);
  EXPECT_EQ(batch.refused_findings, 0U);
}

TEST(Queue, CountsGapsBeyondItsRoomInTheLast) {
  Queue queue(2);
  for (int n = 0; n < 3000; ++n) {
    queue.put(Gap{.lost_records = 2, .since_unix_ns = kNoon + n});
  }
  Batch batch;
  EXPECT_TRUE(queue.take(batch, steady_clock::now()));
  std::uint64_t lost = 0;
  for (const Gap& gap : batch.gaps) {
    lost += gap.lost_records;
  }
  EXPECT_EQ(lost, 6000U);
  EXPECT_EQ(batch.gaps.size(), 1024U);
}

TEST(Queue, WakesItsReader) {
  Queue queue(10);
  std::thread pipeline([&queue] {
    queue.put(graceful(1));
    queue.wake();
  });
  Batch batch;
  std::size_t taken = 0;
  while (taken == 0) {
    EXPECT_TRUE(queue.take(batch, steady_clock::now() + std::chrono::hours(1)));
    taken = batch.count;
    batch.clear();
  }
  pipeline.join();
  queue.close();
  EXPECT_FALSE(queue.take(batch, steady_clock::now() + std::chrono::hours(1)));
  queue.put(graceful(2));
  EXPECT_EQ(queue.refused(), 1U);
}

}  // namespace
}  // namespace closewatch::history
