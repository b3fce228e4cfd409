// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/queue.h"

#include <gmock/gmock.h>

#include <thread>
#include <type_traits>

#include "tests/unit/history/history_file.h"

namespace closewatch::history {
namespace {

using std::chrono::steady_clock;

std::vector<Finding> findings_of(Batch& batch) {
  std::vector<Finding> findings;
  batch.waiting.drain([&](const auto& each) {
    if constexpr (std::is_same_v<std::decay_t<decltype(each)>, Finding>) {
      findings.push_back(each);
    }
  });
  return findings;
}

TEST(Queue, GivesWhatCameInItsOrder) {
  Queue queue(10);
  queue.put(graceful(1));
  queue.put(correction_of(graceful(1)));
  queue.put(graceful(2));
  queue.put(Gap{.lost_records = 3, .since_unix_ns = kNoon});
  Batch batch;
  EXPECT_TRUE(queue.take(batch, steady_clock::now()));
  EXPECT_EQ(batch.waiting.size(), 3U);
  EXPECT_THAT(findings_of(batch), ::testing::ElementsAre(graceful(1), graceful(2)));
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
  EXPECT_EQ(queue.refused(), (Refused{.findings = 1, .corrections = 1}));
  Batch batch;
  EXPECT_TRUE(queue.take(batch, steady_clock::now()));
  EXPECT_EQ(batch.refused, (Refused{.findings = 1, .corrections = 1}));
  EXPECT_EQ(batch.refused_since_ns, kNoon + 2);
  EXPECT_EQ(findings_of(batch).size(), 1U);
  batch.clear();
  queue.put(graceful(3));
  EXPECT_TRUE(queue.take(batch, steady_clock::now()));
  EXPECT_EQ(batch.waiting.size(), 1U);
  EXPECT_EQ(batch.refused, Refused());
}

TEST(Queue, RefusesBytesBeyondThoseOfItsRoom) {
  Queue queue(4);
  Finding large = graceful(1);
  large.process.cgroup = std::string(4 * kBytesWaiting, 'c');
  queue.put(large);
  queue.put(graceful(2));
  EXPECT_EQ(queue.waiting(), 1U);
  EXPECT_EQ(queue.refused().findings, 1U);
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
    taken = findings_of(batch).size();
    batch.clear();
  }
  pipeline.join();
  queue.close();
  EXPECT_FALSE(queue.take(batch, steady_clock::now() + std::chrono::hours(1)));
  queue.put(graceful(2));
  EXPECT_EQ(queue.refused().findings, 1U);
}

}  // namespace
}  // namespace closewatch::history
