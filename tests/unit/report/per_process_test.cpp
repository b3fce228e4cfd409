// SPDX-License-Identifier: Apache-2.0
#include "userspace/report/per_process.h"

#include <gtest/gtest.h>

#include "tests/unit/report/report_samples.h"
#include "userspace/report/ranking.h"

namespace closewatch {
namespace {

Correction correction_of(const Finding& finding) {
  Correction correction;
  correction.amendment.id = finding.closure.id;
  return correction;
}

class PerProcessTest : public testing::Test {
 protected:
  const ProcessReport& only() {
    EXPECT_EQ(report_.processes().size(), 1U);
    return report_.processes().front();
  }

  PerProcess report_;
};

TEST_F(PerProcessTest, CountsClassesReasonsBytesAndTimes) {
  give_sample(report_);
  ASSERT_EQ(report_.processes().size(), 2U);
  const ProcessReport& nginx = report_.processes()[0];
  EXPECT_EQ(nginx.process, kNginx);
  EXPECT_EQ(nginx.details.cgroup, "/system.slice/nginx.service");
  EXPECT_EQ(nginx.tally.of(Class::abortive), 2U);
  EXPECT_EQ(nginx.tally.of(Class::timed_out), 1U);
  EXPECT_EQ(nginx.tally.of(Class::graceful), 2U);
  EXPECT_EQ(nginx.tally.of(Class::lingered), 0U);
  EXPECT_EQ(nginx.tally.of(Reason::unread_data), 2U);
  EXPECT_EQ(nginx.tally.of(Reason::retransmission), 1U);
  EXPECT_EQ(nginx.tally.of(Reason::peer_first), 2U);
  EXPECT_EQ(nginx.tally.closures(), 5U);
  EXPECT_EQ(nginx.tally.lost_closures, 2U);
  EXPECT_EQ(nginx.tally.discarded, 5000U);
  EXPECT_EQ(nginx.tally.unread, 424U);
  EXPECT_EQ(nginx.tally.blocked_us.count(), 3U);
  EXPECT_EQ(nginx.tally.blocked_us.quantile(0.5), 20U);
  EXPECT_EQ(nginx.tally.blocked_us.max(), 3'400U);
  EXPECT_EQ(nginx.tally.drain_us.count(), 3U);
  EXPECT_EQ(nginx.tally.drain_us.max(), 924'600'000U);
  EXPECT_EQ(report_.processes()[1].process, kCurl);
  EXPECT_EQ(report_.processes()[1].tally.closures(), 1U);
}

TEST_F(PerProcessTest, KeepsExactTotalsWhenRecordsWereLost) {
  give_sample(report_);
  const ProcessReport& nginx = report_.processes()[0];
  EXPECT_EQ(nginx.closures(), 6U);
  EXPECT_EQ(nginx.not_classified(), 1U);
  EXPECT_EQ(nginx.exact->lost, 1U);
  const ProcessReport all = report_.all();
  EXPECT_EQ(all.closures(), 7U);
  EXPECT_EQ(all.not_classified(), 1U);
  EXPECT_EQ(all.exact->lost, 1U);
  EXPECT_EQ(all.discarded(), 5000U);
  EXPECT_EQ(all.unread(), 424U);
  EXPECT_EQ(report_.losses().records, 1U);
  EXPECT_EQ(report_.losses().gaps, 1U);
  EXPECT_EQ(report_.losses().since_unix_ns, kNoon + 1'000'000'000);
}

TEST_F(PerProcessTest, ShowsAProcessOfWhichEveryRecordWasLost) {
  const ProcessTotals totals[] = {totals_of(kNginx, 9, 9, 77, 0)};
  report_.set_totals(totals);
  EXPECT_EQ(only().closures(), 9U);
  EXPECT_EQ(only().not_classified(), 9U);
  EXPECT_EQ(only().discarded(), 77U);
}

TEST_F(PerProcessTest, CountsOnceWhatTheKernelHadNoRoomToTellApart) {
  report_.finding(lossy_closure_of(kNginx, 9, 10, 0));
  report_.finding(lossy_closure_of(kCurl, 9, 20, 5));
  ProcessTotals others = totals_of({}, 4, 3, 100, 5);  // curl's closure, and three that were lost
  others.other = true;
  const ProcessTotals totals[] = {totals_of(kNginx, 1, 0, 10, 0), others};
  report_.set_totals(totals);
  EXPECT_EQ(report_.other().closures(), 3U);
  EXPECT_EQ(report_.other().not_classified(), 3U);
  EXPECT_EQ(report_.other().discarded(), 80U);
  EXPECT_EQ(report_.other().unread(), 0U);
  EXPECT_EQ(report_.all().closures(), 5U);
  EXPECT_EQ(report_.all().discarded(), 110U);
  EXPECT_EQ(report_.all().not_classified(), 3U);
}

TEST_F(PerProcessTest, ReplacesTotalsThatWereSetBefore) {
  const ProcessTotals totals[] = {totals_of(kNginx, 9, 0, 0, 0)};
  report_.set_totals(totals);
  report_.set_totals(totals);
  EXPECT_EQ(only().closures(), 9U);
  report_.set_totals({});
  EXPECT_EQ(only().closures(), 0U);
}

TEST_F(PerProcessTest, CountsInTheNextIntervalWhatIsStillUnderWay) {
  report_.finding(lossy_closure_of(kNginx, 9, 10, 0));
  // Two more had ended when the totals were taken, and one was lost.
  const ProcessTotals first[] = {totals_of(kNginx, 3, 0, 30, 0), totals_of(kCurl, 2, 1, 5, 0)};
  report_.set_totals(first);
  report_.postpone_unread();
  EXPECT_EQ(report_.processes()[0].closures(), 1U);
  EXPECT_EQ(report_.processes()[0].discarded(), 10U);
  EXPECT_EQ(report_.processes()[0].not_classified(), 0U);
  EXPECT_EQ(report_.processes()[1].closures(), 1U);
  EXPECT_EQ(report_.processes()[1].not_classified(), 1U);
  report_.clear();
  report_.finding(lossy_closure_of(kNginx, 9, 10, 0));
  report_.finding(lossy_closure_of(kNginx, 9, 10, 0));
  report_.finding(lossy_closure_of(kNginx, 9, 40, 0));
  report_.finding(closure_of(kCurl, Class::graceful, Reason::local_first));
  const ProcessTotals second[] = {totals_of(kNginx, 1, 0, 40, 0)};
  report_.set_totals(second);
  EXPECT_EQ(report_.processes()[0].closures(), 3U);
  EXPECT_EQ(report_.processes()[0].discarded(), 60U);
  EXPECT_EQ(report_.all().closures(), 4U);
  EXPECT_EQ(report_.all().not_classified(), 0U);
}

TEST_F(PerProcessTest, NeverShowsLessThanItCounted) {
  report_.finding(closure_of(kNginx, Class::graceful, Reason::local_first));
  report_.finding(closure_of(kNginx, Class::graceful, Reason::local_first));
  const ProcessTotals totals[] = {totals_of(kNginx, 1, 0, 0, 0)};  // read a moment too early
  report_.set_totals(totals);
  EXPECT_EQ(only().closures(), 2U);
  EXPECT_EQ(only().not_classified(), 0U);
  EXPECT_EQ(report_.all().closures(), 2U);
}

TEST_F(PerProcessTest, TellsProcessesApartByPidAndStart) {
  Task reused = kNginx;
  reused.start_ns += 1;
  report_.finding(closure_of(kNginx, Class::graceful, Reason::local_first));
  report_.finding(closure_of(reused, Class::graceful, Reason::local_first));
  report_.finding(closure_of({}, Class::graceful, Reason::local_first));
  report_.finding(closure_of({}, Class::graceful, Reason::local_first));
  ASSERT_EQ(report_.processes().size(), 3U);
  EXPECT_FALSE(report_.processes()[2].process.known());
  EXPECT_EQ(report_.processes()[2].closures(), 2U);
}

TEST_F(PerProcessTest, DoesNotCountWhatNeverWasAConnection) {
  report_.finding(closure_of(kCurl, Class::unestablished, Reason::refused));
  EXPECT_EQ(only().closures(), 0U);
  EXPECT_EQ(only().tally.of(Reason::refused), 1U);
  EXPECT_TRUE(only().peers.empty());
}

TEST_F(PerProcessTest, FoldsProcessesBeyondTheLimit) {
  PerProcess report({.processes = 2, .peers = 2});
  for (std::uint32_t pid = 1; pid <= 5; ++pid) {
    report.finding(lossy_closure_of(task_of(pid, "short", 0), 9, pid, 0));
  }
  EXPECT_EQ(report.processes().size(), 2U);
  EXPECT_EQ(report.other().closures(), 3U);
  EXPECT_EQ(report.other().discarded(), 12U);
  const ProcessTotals totals[] = {totals_of(task_of(1, "short", 0), 1, 0, 1, 0),
                                  totals_of(task_of(3, "short", 0), 2, 1, 9, 0),
                                  totals_of(task_of(4, "short", 0), 2, 1, 9, 0)};
  report.set_totals(totals);
  EXPECT_EQ(report.other().closures(), 4U);
  EXPECT_EQ(report.other().discarded(), 18U);
  EXPECT_EQ(report.all().closures(), 6U);
}

TEST_F(PerProcessTest, RanksPeersByBytesLostThenByAborts) {
  report_.finding(lossy_closure_of(kNginx, 1, 10, 0));
  report_.finding(lossy_closure_of(kNginx, 2, 0, 0));
  report_.finding(lossy_closure_of(kNginx, 2, 0, 0));
  report_.finding(lossy_closure_of(kNginx, 3, 0, 0));
  report_.finding(lossy_closure_of(kNginx, 4, 500, 500));
  report_.finding(closure_of(kNginx, Class::graceful, Reason::local_first));  // harmless
  const std::vector<PeerTally> peers = worst_peers(only());
  ASSERT_EQ(peers.size(), 4U);
  EXPECT_EQ(peers[0].address, ipv4({10, 0, 0, 4}, 0).address);
  EXPECT_EQ(peers[0].bytes_lost, 1000U);
  EXPECT_EQ(peers[1].address, ipv4({10, 0, 0, 1}, 0).address);
  EXPECT_EQ(peers[2].address, ipv4({10, 0, 0, 2}, 0).address);
  EXPECT_EQ(peers[2].abortive, 2U);
  EXPECT_EQ(peers[2].closures, 2U);
  EXPECT_EQ(peers[3].address, ipv4({10, 0, 0, 3}, 0).address);
}

TEST_F(PerProcessTest, FoldsTheLeastHarmedPeers) {
  PerProcess report({.processes = 2, .peers = 2});
  report.finding(lossy_closure_of(kNginx, 1, 1000, 0));
  report.finding(lossy_closure_of(kNginx, 2, 1, 0));
  report.finding(lossy_closure_of(kNginx, 3, 2, 0));
  report.finding(lossy_closure_of(kNginx, 4, 3, 0));
  const ProcessReport& nginx = report.processes().front();
  const std::vector<PeerTally> peers = worst_peers(nginx);
  ASSERT_EQ(peers.size(), 2U);
  EXPECT_EQ(peers[0].address, ipv4({10, 0, 0, 1}, 0).address);
  EXPECT_EQ(peers[1].address, ipv4({10, 0, 0, 4}, 0).address);
  EXPECT_EQ(nginx.other_peers.closures, 2U);
  EXPECT_EQ(nginx.other_peers.abortive, 2U);
  EXPECT_EQ(nginx.other_peers.bytes_lost, 3U);
}

TEST_F(PerProcessTest, MovesAClosureWhoseVerdictChangesLate) {
  const Finding finding = closure_of(kNginx, Class::graceful, Reason::local_first);
  report_.finding(finding);
  Correction correction = correction_of(finding);
  correction.verdict = data_after_close();
  report_.correction(correction);
  EXPECT_EQ(only().tally.of(Class::graceful), 0U);
  EXPECT_EQ(only().tally.of(Reason::local_first), 0U);
  EXPECT_EQ(only().tally.of(Class::abortive), 1U);
  EXPECT_EQ(only().tally.of(Reason::data_after_close), 1U);
  EXPECT_EQ(only().closures(), 1U);
  ASSERT_EQ(only().peers.size(), 1U);
  EXPECT_EQ(only().peers[0].abortive, 1U);
  EXPECT_EQ(only().peers[0].closures, 1U);
}

TEST_F(PerProcessTest, AddsLateUnreadBytesOnce) {
  const Finding finding = closure_of(kNginx, Class::abortive, Reason::reset_by_peer);
  report_.finding(finding);
  Correction correction = correction_of(finding);
  correction.amendment.unread = 300;
  report_.correction(correction);
  report_.correction(correction);
  EXPECT_EQ(only().tally.unread, 300U);
  EXPECT_EQ(only().tally.lost_closures, 1U);
  ASSERT_EQ(only().peers.size(), 1U);
  EXPECT_EQ(only().peers[0].bytes_lost, 300U);
  EXPECT_EQ(only().peers[0].abortive, 1U);
  EXPECT_EQ(only().peers[0].closures, 1U);
}

TEST_F(PerProcessTest, CountsAClosureWithTheProcessThatIsNamedLate) {
  report_.finding(lossy_closure_of(kNginx, 9, 1, 0));
  const Finding nobodys = lossy_closure_of({}, 7, 10, 0);
  report_.finding(nobodys);
  Correction correction = correction_of(nobodys);
  correction.amendment.process = kNginx;
  correction.amendment.unread = 5;
  report_.correction(correction);
  // As the kernel counted them: the closer of the second was not known to it at the end.
  const ProcessTotals totals[] = {totals_of(kNginx, 1, 0, 1, 0), totals_of({}, 1, 0, 10, 5)};
  report_.set_totals(totals);
  const std::vector<const ProcessReport*> shown = worst_first(report_);
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0]->process, kNginx);
  EXPECT_EQ(shown[0]->closures(), 2U);
  EXPECT_EQ(shown[0]->not_classified(), 0U);
  EXPECT_EQ(shown[0]->tally.of(Class::abortive), 2U);
  EXPECT_EQ(shown[0]->tally.of(Reason::unread_data), 2U);
  EXPECT_EQ(shown[0]->tally.lost_closures, 2U);
  EXPECT_EQ(shown[0]->discarded(), 11U);
  EXPECT_EQ(shown[0]->unread(), 5U);
  ASSERT_EQ(shown[0]->peers.size(), 2U);
  EXPECT_EQ(worst_peers(*shown[0])[0].address, ipv4({10, 0, 0, 7}, 0).address);
  EXPECT_EQ(worst_peers(*shown[0])[0].bytes_lost, 15U);
  EXPECT_EQ(report_.all().closures(), 2U);
  EXPECT_EQ(report_.all().discarded(), 11U);
  EXPECT_EQ(report_.all().unread(), 5U);
}

TEST_F(PerProcessTest, CountsAClosureNamedLateOnceWhateverTheKernelHadNoRoomFor) {
  const auto give = [](PerProcess& report) {
    const Finding nobodys = lossy_closure_of({}, 7, 10, 0);
    report.finding(nobodys);
    report.finding(lossy_closure_of({}, 7, 20, 0));
    report.finding(lossy_closure_of(kNginx, 9, 1, 0));
    Correction correction = correction_of(nobodys);
    correction.amendment.process = kNginx;
    report.correction(correction);
  };
  ProcessTotals others = totals_of({}, 4, 1, 34, 0);  // all three, and one that was lost
  others.other = true;
  PerProcess neither;
  give(neither);
  neither.set_totals({&others, 1});
  EXPECT_EQ(neither.all().closures(), 4U);
  EXPECT_EQ(neither.other().closures(), 1U);

  others = totals_of({}, 2, 1, 4, 0);  // nginx's own, and one that was lost
  others.other = true;
  const ProcessTotals nobodys[] = {totals_of({}, 2, 0, 30, 0), others};
  PerProcess only_nobody;
  give(only_nobody);
  only_nobody.set_totals(nobodys);
  EXPECT_EQ(only_nobody.all().closures(), 4U);
  EXPECT_EQ(only_nobody.other().closures(), 1U);

  others = totals_of({}, 3, 1, 33, 0);  // the two of nobody, and one that was lost
  others.other = true;
  const ProcessTotals nginx[] = {totals_of(kNginx, 1, 0, 1, 0), others};
  PerProcess only_nginx;
  give(only_nginx);
  only_nginx.set_totals(nginx);
  EXPECT_EQ(only_nginx.all().closures(), 4U);
  EXPECT_EQ(only_nginx.all().discarded(), 34U);
  EXPECT_EQ(only_nginx.other().closures(), 1U);
}

TEST_F(PerProcessTest, LeavesToNobodyWhatIsNotNamed) {
  const Finding named = lossy_closure_of({}, 7, 10, 0);
  report_.finding(named);
  report_.finding(lossy_closure_of({}, 7, 20, 0));
  Correction correction = correction_of(named);
  correction.amendment.process = kNginx;
  report_.correction(correction);
  report_.correction(correction);  // once is enough
  const ProcessReport& nobody = report_.processes()[0];
  EXPECT_FALSE(nobody.process.known());
  EXPECT_EQ(nobody.closures(), 1U);
  EXPECT_EQ(nobody.discarded(), 20U);
  ASSERT_EQ(nobody.peers.size(), 1U);
  EXPECT_EQ(nobody.peers[0].closures, 1U);
  EXPECT_EQ(nobody.peers[0].bytes_lost, 20U);
  EXPECT_EQ(report_.processes()[1].process, kNginx);
  EXPECT_EQ(report_.processes()[1].closures(), 1U);
}

TEST_F(PerProcessTest, TakesAClosureThatIsNamedOutOfTheFoldedPeersToo) {
  PerProcess report({.processes = 2, .peers = 1});
  const Finding folded = lossy_closure_of({}, 7, 10, 0);
  report.finding(folded);
  report.finding(lossy_closure_of({}, 8, 20, 0));
  Correction correction = correction_of(folded);
  correction.amendment.process = kNginx;
  report.correction(correction);
  const ProcessReport& nobody = report.processes()[0];
  EXPECT_EQ(nobody.other_peers.closures, 0U);
  EXPECT_EQ(nobody.other_peers.bytes_lost, 0U);
  ASSERT_EQ(nobody.peers.size(), 1U);
  EXPECT_EQ(nobody.peers[0].bytes_lost, 20U);
  ASSERT_EQ(report.processes()[1].peers.size(), 1U);
  EXPECT_EQ(report.processes()[1].peers[0].bytes_lost, 10U);
}

TEST_F(PerProcessTest, CountsLateResets) {
  const Finding finding = closure_of(kNginx, Class::graceful, Reason::local_first);
  report_.finding(finding);
  Correction correction = correction_of(finding);
  correction.amendment.facts.late_data_reset = true;
  report_.correction(correction);
  EXPECT_EQ(only().tally.late_resets, 1U);
  EXPECT_TRUE(only().peers.empty());
}

TEST_F(PerProcessTest, CountsLateFactsThatItCannotPlace) {
  Correction correction;
  correction.amendment.id = {77, 7};
  correction.amendment.unread = 300;
  report_.correction(correction);
  EXPECT_EQ(report_.losses().late_facts, 1U);
  EXPECT_EQ(report_.losses().late_unread, 300U);
  EXPECT_TRUE(report_.processes().empty());
}

TEST_F(PerProcessTest, StartsAgainFromNothing) {
  give_sample(report_);
  const Finding finding = closure_of(kNginx, Class::graceful, Reason::local_first);
  report_.finding(finding);
  report_.clear();
  EXPECT_TRUE(report_.processes().empty());
  EXPECT_EQ(report_.all().closures(), 0U);
  EXPECT_EQ(report_.losses().records, 0U);
  report_.correction(correction_of(finding));
  EXPECT_EQ(report_.losses().late_facts, 1U);
}

TEST_F(PerProcessTest, RanksProcessesByHarm) {
  report_.finding(closure_of(kCurl, Class::graceful, Reason::local_first));
  report_.finding(closure_of(kCurl, Class::graceful, Reason::local_first));
  report_.finding(lossy_closure_of(task_of(5, "abort", 0), 9, 0, 0));
  report_.finding(lossy_closure_of(kNginx, 9, 1, 0));
  const std::vector<const ProcessReport*> order = worst_first(report_);
  ASSERT_EQ(order.size(), 3U);
  EXPECT_EQ(order[0]->process.pid, 812U);
  EXPECT_EQ(order[1]->process.pid, 5U);
  EXPECT_EQ(order[2]->process.pid, 900U);
}

}  // namespace
}  // namespace closewatch
