// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/coverage.h"

#include <gtest/gtest.h>

#include "tests/unit/metrics/closures.h"

namespace closewatch {
namespace {

constexpr std::uint32_t kHost = 4026531840;

class CoverageTest : public testing::Test {
 protected:
  CoverageTest() { coverage_.take({{kHost, "host", {100, 200, 300, 400, 500}}}); }

  void see(Reason reason, TcpState final_state = TcpState::fin_wait1) {
    coverage_.finding(with(reason, final_state));
  }
  static Finding with(Reason reason, TcpState final_state) {
    Finding finding = closure_of("nginx", reason, 1);
    finding.closure.final_state = final_state;
    return finding;
  }
  const TcpCounters& seen() { return coverage_.namespaces().at(0).seen; }

  Coverage coverage_;
};

TEST_F(CoverageTest, CountsFromTheFirstReadingOn) {
  coverage_.take({{kHost, "host", {112, 203, 304, 405, 506}}});
  const NamespaceCoverage& host = coverage_.namespaces().at(0);
  EXPECT_EQ(host.kernel(CountedEnd::established_reset), 12U);
  EXPECT_EQ(host.kernel(CountedEnd::abort_on_close), 3U);
  EXPECT_EQ(host.kernel(CountedEnd::abort_on_data), 4U);
  EXPECT_EQ(host.kernel(CountedEnd::abort_on_memory), 5U);
  EXPECT_EQ(host.kernel(CountedEnd::abort_on_timeout), 6U);
  EXPECT_EQ(host.saw(CountedEnd::abort_on_close), 0U);
}

// kernel.md 5
TEST_F(CoverageTest, CountsEachEndWhereTheKernelDoes) {
  see(Reason::unread_data, TcpState::established);
  see(Reason::unread_data, TcpState::close_wait);
  see(Reason::unread_data, TcpState::fin_wait2);
  EXPECT_EQ(seen(), (TcpCounters{2, 3, 0, 0, 0}));
  see(Reason::linger_zero, TcpState::established);
  see(Reason::data_after_close);
  see(Reason::linger2);
  EXPECT_EQ(seen(), (TcpCounters{3, 3, 3, 0, 0}));
  see(Reason::orphan_limit);
  EXPECT_EQ(seen(), (TcpCounters{3, 3, 3, 1, 0}));
  for (const Reason reason : {Reason::retransmission, Reason::fin_unacked, Reason::zero_window,
                              Reason::keepalive, Reason::user_timeout, Reason::connect_timeout}) {
    see(reason);
  }
  EXPECT_EQ(seen(), (TcpCounters{3, 3, 3, 1, 6}));
  see(Reason::reset_by_peer, TcpState::established);
  EXPECT_EQ(seen(), (TcpCounters{4, 3, 3, 1, 6}));
  for (const Reason reason : {Reason::local_first, Reason::peer_first, Reason::linger_expired,
                              Reason::reset_by_peer, Reason::destroyed, Reason::refused}) {
    see(reason);
  }
  EXPECT_EQ(seen(), (TcpCounters{4, 3, 3, 1, 6}));
}

TEST_F(CoverageTest, KnowsWhatTheKernelDoesNotCount) {
  Finding timewait = with(Reason::data_after_close, TcpState::fin_wait2);
  timewait.closure.facts.late_data_reset = true;
  coverage_.finding(timewait);
  Finding attempt = with(Reason::closed_in_syn_sent, TcpState::syn_sent);
  coverage_.finding(attempt);
  EXPECT_EQ(seen(), TcpCounters{});
  attempt.verdict.linger = LingerOutcome::zero;
  coverage_.finding(attempt);
  EXPECT_EQ(seen(), (TcpCounters{0, 0, 1, 0, 0}));
}

// mptcp_do_fastclose(): only EstabResets.
TEST_F(CoverageTest, KnowsThatTheKernelDoesNotCountWhatMptcpAborts) {
  for (const Reason reason : {Reason::unread_data, Reason::linger_zero}) {
    Finding subflow = with(reason, TcpState::established);
    subflow.closure.facts.mptcp = subflow.closure.facts.rst_before = true;
    coverage_.finding(subflow);
  }
  EXPECT_EQ(seen(), (TcpCounters{2, 0, 0, 0, 0}));
}

TEST_F(CoverageTest, CountsAResetThatBecameKnownLate) {
  see(Reason::local_first);
  coverage_.amended(kHost, Reason::data_after_close);
  coverage_.amended(7, Reason::data_after_close);
  EXPECT_EQ(seen(), (TcpCounters{0, 0, 1, 0, 0}));
}

TEST_F(CoverageTest, TellsNamespacesApart) {
  Finding elsewhere = with(Reason::unread_data, TcpState::established);
  elsewhere.closure.netns = 7;
  coverage_.finding(elsewhere);
  EXPECT_EQ(seen(), TcpCounters{});
  coverage_.take({{kHost, "host", {}}, {7, "guest", {9, 9, 9, 9, 9}}});
  coverage_.finding(elsewhere);
  ASSERT_EQ(coverage_.namespaces().size(), 2U);
  EXPECT_EQ(coverage_.namespaces()[1].seen, (TcpCounters{1, 1, 0, 0, 0}));
  EXPECT_EQ(coverage_.namespaces()[1].kernel(CountedEnd::established_reset), 0U);
}

TEST_F(CoverageTest, ForgetsANamespaceThatIsReadNoMore) {
  coverage_.take({});
  EXPECT_TRUE(coverage_.namespaces().empty());
}

}  // namespace
}  // namespace closewatch
