// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/close_series.h"

#include <gtest/gtest.h>

#include "tests/unit/metrics/closures.h"

namespace closewatch {
namespace {

constexpr std::uint64_t kMinute = 60'000'000'000;
constexpr std::size_t kLocal = 0;
constexpr std::size_t kPeer = 1;
constexpr std::size_t kUnknownInitiator = 3;

std::uint64_t closures(const CloseCounts& counts, Reason reason, std::size_t initiator) {
  return counts.closures[static_cast<std::size_t>(reason)][initiator];
}

std::uint64_t amended(const CloseCounts& counts, Reason reason) {
  return counts.amended[static_cast<std::size_t>(reason)];
}

class CloseSeriesTest : public testing::Test {
 protected:
  CloseCounts host() { return series_.state().host(); }
  const CloseCounts& of(std::string_view comm) {
    for (const ProcessSeries& series : series_.state().processes) {
      if (series.name.bytes() == comm) {
        return series.counts;
      }
    }
    ADD_FAILURE() << "no series of " << comm;
    return series_.state().other;
  }

  CloseSeries series_{{.processes = 2, .idle_minutes = 60}};
};

TEST_F(CloseSeriesTest, CountsByProcessReasonAndInitiator) {
  series_.finding(closure_of("nginx", Reason::peer_first, 1, Initiator::peer));
  series_.finding(closure_of("nginx", Reason::peer_first, 2, Initiator::peer));
  series_.finding(closure_of("nginx", Reason::unknown, 3, std::nullopt));
  series_.finding(closure_of("curl", Reason::local_first, 4, Initiator::local));
  EXPECT_EQ(closures(host(), Reason::peer_first, kPeer), 2U);
  EXPECT_EQ(closures(host(), Reason::unknown, kUnknownInitiator), 1U);
  EXPECT_EQ(closures(host(), Reason::local_first, kLocal), 1U);
  EXPECT_EQ(host().count(), 4U);
  EXPECT_EQ(closures(of("nginx"), Reason::peer_first, kPeer), 2U);
  EXPECT_EQ(of("nginx").count(), 3U);
  EXPECT_EQ(of("curl").count(), 1U);
}

TEST_F(CloseSeriesTest, CountsBytesAndTimes) {
  Finding finding = lossy_closure_of("nginx", 1, 5000, 124);
  finding.verdict.blocked_us = 12;
  finding.verdict.drain_us = 2'000'000;
  series_.finding(finding);
  series_.finding(lossy_closure_of("nginx", 2, 0, 300));
  series_.finding(lossy_closure_of("nginx", 3, 0, 0));
  for (const CloseCounts& counts : {host(), of("nginx")}) {
    EXPECT_EQ(counts.lossy, 2U);
    EXPECT_EQ(counts.discarded, 5000U);
    EXPECT_EQ(counts.unread, 424U);
    EXPECT_EQ(counts.blocked.count(), 1U);
    EXPECT_EQ(counts.blocked.sum_us(), 12U);
    EXPECT_EQ(counts.drain.sum_us(), 2'000'000U);
  }
}

TEST_F(CloseSeriesTest, CountsAnAttemptAsNoClosure) {
  Finding attempt = closure_of("curl", Reason::refused, 1);
  attempt.closure.unacked = 300;
  attempt.verdict.lost = true;
  series_.finding(attempt);
  Correction late = correction_of(attempt);
  late.amendment.unread = 7;
  series_.correction(late);
  EXPECT_EQ(series_.state().failed_attempts[static_cast<std::size_t>(Reason::refused)], 1U);
  EXPECT_EQ(host().count(), 0U);
  EXPECT_EQ(host().lossy, 0U);
  EXPECT_EQ(host().discarded, 0U);
  EXPECT_EQ(host().unread, 0U);
  EXPECT_TRUE(series_.state().processes.empty());
}

TEST_F(CloseSeriesTest, FoldsNamesBeyondTheLimit) {
  series_.finding(closure_of("one", Reason::local_first, 1));
  series_.finding(closure_of("two", Reason::local_first, 2));
  series_.finding(lossy_closure_of("three", 3, 10, 0));
  series_.finding(lossy_closure_of("four", 4, 20, 0));
  series_.finding(closure_of("two", Reason::local_first, 5));
  EXPECT_EQ(series_.state().processes.size(), 2U);
  EXPECT_EQ(of("two").count(), 2U);
  EXPECT_EQ(series_.state().other.count(), 2U);
  EXPECT_EQ(series_.state().other.discarded, 30U);
  EXPECT_EQ(host().count(), 5U);
}

TEST_F(CloseSeriesTest, TakesProcessesOfOneNameTogetherAndUnknownOnesApart) {
  Finding second = closure_of("nginx", Reason::local_first, 2);
  second.closure.process.pid = 813;
  Finding unknown = closure_of("", Reason::local_first, 3);
  unknown.closure.process = {};
  series_.finding(closure_of("nginx", Reason::local_first, 1));
  series_.finding(second);
  series_.finding(unknown);
  ASSERT_EQ(series_.state().processes.size(), 2U);
  EXPECT_EQ(of("nginx").count(), 2U);
  EXPECT_FALSE(series_.state().processes[1].name.known);
}

TEST_F(CloseSeriesTest, ExpiresIdleNamesAndMakesRoom) {
  series_.finding(closure_of("one", Reason::local_first, 1 * kMinute));
  series_.finding(closure_of("two", Reason::local_first, 10 * kMinute));
  series_.finding(closure_of("three", Reason::local_first, 11 * kMinute));
  series_.expire(61 * kMinute - 1);
  EXPECT_EQ(series_.state().processes.size(), 2U);
  series_.expire(61 * kMinute);
  ASSERT_EQ(series_.state().processes.size(), 1U);
  EXPECT_EQ(series_.state().processes[0].name.bytes(), "two");
  EXPECT_EQ(series_.state().expired_names, 1U);
  series_.finding(closure_of("three", Reason::local_first, 62 * kMinute));
  series_.finding(closure_of("two", Reason::local_first, 62 * kMinute));
  EXPECT_EQ(of("three").count(), 1U);
  EXPECT_EQ(of("two").count(), 2U);
  series_.expire(121 * kMinute);
  EXPECT_EQ(series_.state().processes.size(), 2U);
}

TEST_F(CloseSeriesTest, NeitherTheHostNorOtherMovesWhenANameExpires) {
  std::uint64_t end_ns = 0;
  for (const std::string_view comm : {"one", "two", "three"}) {
    Finding finding = lossy_closure_of(comm, ++end_ns, 10, 1);
    finding.verdict.blocked_us = 12;
    finding.verdict.drain_us = 700;
    series_.finding(finding);
    Correction correction = correction_of(finding);
    correction.verdict = data_after_close();
    series_.correction(correction);
  }
  series_.expire(100 * kMinute);
  EXPECT_TRUE(series_.state().processes.empty());
  EXPECT_EQ(series_.state().expired_names, 2U);
  EXPECT_EQ(series_.state().other.count(), 1U);
  EXPECT_EQ(series_.state().other.discarded, 10U);
  EXPECT_EQ(host().count(), 3U);
  EXPECT_EQ(host().discarded, 30U);
  EXPECT_EQ(host().unread, 3U);
  EXPECT_EQ(host().lossy, 3U);
  EXPECT_EQ(host().blocked.count(), 3U);
  EXPECT_EQ(host().drain.sum_us(), 2100U);
  EXPECT_EQ(amended(host(), Reason::data_after_close), 3U);
}

TEST_F(CloseSeriesTest, CountsALateVerdictBesideTheFirst) {
  const Finding finding = closure_of("nginx", Reason::local_first, 1);
  series_.finding(finding);
  Correction correction = correction_of(finding);
  correction.verdict = data_after_close();
  series_.correction(correction);
  for (const CloseCounts& counts : {host(), of("nginx")}) {
    EXPECT_EQ(counts.count(), 1U);
    EXPECT_EQ(closures(counts, Reason::local_first, kLocal), 1U);
    EXPECT_EQ(amended(counts, Reason::data_after_close), 1U);
  }
}

TEST_F(CloseSeriesTest, AddsLateUnreadBytesOnce) {
  const Finding finding = closure_of("nginx", Reason::local_first, 1);
  series_.finding(finding);
  Correction correction = correction_of(finding);
  correction.amendment.unread = 70;
  series_.correction(correction);
  series_.correction(correction);
  EXPECT_EQ(host().unread, 70U);
  EXPECT_EQ(host().lossy, 1U);
  EXPECT_EQ(of("nginx").unread, 70U);
  EXPECT_EQ(of("nginx").lossy, 1U);
}

TEST_F(CloseSeriesTest, AddsOnlyWhatTheClosureDidNotTellOfUnreadBytes) {
  const Finding finding = lossy_closure_of("nginx", 1, 0, 50);
  series_.finding(finding);
  Correction correction = correction_of(finding);
  correction.amendment.unread = 70;
  series_.correction(correction);
  EXPECT_EQ(host().unread, 70U);
  EXPECT_EQ(host().lossy, 1U);
}

TEST_F(CloseSeriesTest, CountsLateFactsThatItCannotPlace) {
  Correction correction = correction_of(closure_of("nginx", Reason::local_first, 1));
  series_.correction(correction);  // tells nothing that is counted
  correction.amendment.unread = 9;
  series_.correction(correction);
  EXPECT_EQ(series_.state().late_facts, 1U);
  EXPECT_EQ(series_.state().late_unread, 9U);
  EXPECT_EQ(host().unread, 0U);
}

TEST_F(CloseSeriesTest, CountsGaps) {
  series_.gap({12, kNoon});
  series_.gap({3, kNoon});
  EXPECT_EQ(series_.state().lost_records, 15U);
  EXPECT_EQ(series_.state().gaps, 2U);
}

}  // namespace
}  // namespace closewatch
