// SPDX-License-Identifier: Apache-2.0
// Which rule wins where the facts would suit several: two situations are laid over each other.
#include <gtest/gtest.h>

#include "tests/unit/classify/situation.h"

namespace closewatch {
namespace {

using situations::kContext;
using situations::kMs;
using situations::kSecond;
using situations::Scene;

Reason reason(const Scene& scene) { return classify(scene, kContext).reason; }

Scene linger_zero() {
  return Scene(TcpState::established).in_close().linger(0).with(&Facts::rst_after);
}

Scene retransmission(TcpState state) {
  return Scene(state).held().bytes(10, 10, 0).error(ETIMEDOUT).retries(3);
}

TEST(RuleOrder, RepairBeforeUnreadDataBeforeLingerZero) {
  EXPECT_EQ(reason(linger_zero()), Reason::linger_zero);
  EXPECT_EQ(reason(linger_zero().bytes(0, 0, 1)), Reason::unread_data);
  EXPECT_EQ(
      reason(Scene(TcpState::established).in_close().linger(0).bytes(0, 0, 1).with(&Facts::repair)),
      Reason::repair);
}

TEST(RuleOrder, TheHandshakeBeforeEverythingElse) {
  EXPECT_EQ(reason(Scene(TcpState::syn_sent).in_close().linger(0).bytes(0, 0, 1)),
            Reason::closed_in_syn_sent);
  EXPECT_EQ(
      reason(
          Scene(TcpState::syn_sent).error(ECONNREFUSED).with(&Facts::reset_called, &Facts::rst_in)),
      Reason::refused);
  EXPECT_EQ(reason(retransmission(TcpState::syn_sent)), Reason::connect_timeout);
  EXPECT_EQ(reason(Scene(TcpState::syn_recv).with(&Facts::never_accepted, &Facts::rst_after)),
            Reason::closed_in_syn_sent);
}

TEST(RuleOrder, TheSegmentDecidesBeforeTheAnswer) {
  const auto reset = [] {
    return Scene(TcpState::fin_wait1).orphan(kMs).error(ECONNRESET).with(&Facts::reset_called);
  };
  EXPECT_EQ(reason(reset()), Reason::reset_by_peer);
  EXPECT_EQ(reason(reset().with(&Facts::awaits_rst)), Reason::reset_by_peer);
  EXPECT_EQ(reason(reset().with(&Facts::rst_answer)), Reason::data_after_close);
  EXPECT_EQ(reason(reset().with(&Facts::no_rst_in)), Reason::data_after_close);
  EXPECT_EQ(reason(reset().with(&Facts::rst_in, &Facts::rst_answer)), Reason::reset_by_peer);
}

TEST(RuleOrder, AResetFromThePeerBeforeTheListener) {
  EXPECT_EQ(reason(Scene(TcpState::established)
                       .error(ECONNRESET)
                       .with(&Facts::never_accepted, &Facts::reset_called)),
            Reason::reset_by_peer);
}

TEST(RuleOrder, DestructionBeforeTimersAndOrphanLimits) {
  EXPECT_EQ(reason(Scene(TcpState::fin_wait1)
                       .orphan(kMs)
                       .with(&Facts::rst_before, &Facts::aborted_by_other)),
            Reason::destroyed);
  EXPECT_EQ(reason(retransmission(TcpState::established).error(ECONNABORTED)), Reason::destroyed);
}

TEST(RuleOrder, UserTimeoutBeforeTheLimitsThatItReplaces) {
  const auto limited = [](Scene scene) {
    return scene.set([](Closure& c) { c.user_timeout_ms = 1; });
  };
  EXPECT_EQ(reason(retransmission(TcpState::established)), Reason::retransmission);
  EXPECT_EQ(reason(limited(retransmission(TcpState::established))), Reason::user_timeout);
  const Scene probing =
      Scene(TcpState::established).held().bytes(9, 0, 0).error(ETIMEDOUT).set([](Closure& c) {
        c.send_window = 0;
      });
  EXPECT_EQ(reason(probing), Reason::zero_window);
  EXPECT_EQ(reason(limited(probing)), Reason::user_timeout);
  const Scene idle = Scene(TcpState::established).held().error(ETIMEDOUT).with(&Facts::rst_before);
  EXPECT_EQ(reason(idle), Reason::keepalive);
  EXPECT_EQ(reason(limited(idle)), Reason::user_timeout);
  // a limit that was not reached says nothing
  EXPECT_EQ(reason(limited(Scene(TcpState::last_ack).orphan(kMs))), Reason::peer_first);
}

TEST(RuleOrder, BytesInFlightBeforeBytesWaitingBeforeTheFin) {
  const auto timed_out = [](std::uint32_t never_sent, std::uint32_t unacked,
                            std::uint32_t window = 0) {
    return Scene(TcpState::fin_wait1)
        .orphan(kSecond)
        .bytes(never_sent, unacked, 0)
        .error(ETIMEDOUT)
        .retries(1)
        .set([window](Closure& c) { c.send_window = window; });
  };
  EXPECT_EQ(reason(timed_out(5, 5)), Reason::retransmission);
  EXPECT_EQ(reason(timed_out(0, 5)), Reason::retransmission);
  EXPECT_EQ(reason(timed_out(5, 0)), Reason::zero_window);
  // the peer had room: this host could not send
  EXPECT_EQ(reason(timed_out(5, 0, 1)), Reason::retransmission);
  EXPECT_EQ(reason(timed_out(0, 0, 1)), Reason::fin_unacked);
  EXPECT_EQ(reason(timed_out(0, 0)), Reason::fin_unacked);
}

TEST(RuleOrder, ASoftErrorIsATimeoutOnlyWhereATimerRetried) {
  const auto soft = [](std::uint8_t retransmits, std::uint8_t probes) {
    return Scene(TcpState::last_ack)
        .orphan(kSecond)
        .error(EHOSTUNREACH, EHOSTUNREACH)
        .retries(retransmits, probes);
  };
  EXPECT_EQ(reason(soft(0, 0)), Reason::peer_first);
  EXPECT_EQ(reason(soft(1, 0)), Reason::fin_unacked);
  EXPECT_EQ(reason(soft(0, 1)), Reason::fin_unacked);
  EXPECT_EQ(reason(Scene(TcpState::last_ack).orphan(kSecond).error(EHOSTUNREACH).retries(1)),
            Reason::peer_first);
}

TEST(RuleOrder, Linger2BeforeDataWithTheFinAckAndBeforeTheOrphanLimit) {
  const auto orphan = [](std::int32_t linger2) {
    return Scene(TcpState::fin_wait2).orphan(kMs).set([=](Closure& c) { c.linger2 = linger2; });
  };
  EXPECT_EQ(reason(orphan(-1).with(&Facts::rst_answer)), Reason::linger2);
  EXPECT_EQ(reason(orphan(0).with(&Facts::rst_answer)), Reason::data_after_close);
  EXPECT_EQ(reason(orphan(-1).with(&Facts::rst_after)), Reason::linger2);
  EXPECT_EQ(reason(orphan(0).with(&Facts::rst_after)), Reason::orphan_limit);
  EXPECT_EQ(reason(orphan(-1).with(&Facts::rst_before)), Reason::fin_wait2_timeout);
}

TEST(RuleOrder, RepairBeforeDisconnectBeforeUnreadDataAndLingerZero) {
  EXPECT_EQ(reason(Scene(TcpState::established)
                       .held()
                       .linger(0)
                       .bytes(0, 0, 1)
                       .with(&Facts::owned, &Facts::disconnect, &Facts::rst_after)),
            Reason::disconnected);
  EXPECT_EQ(reason(Scene(TcpState::established)
                       .held()
                       .with(&Facts::owned, &Facts::disconnect, &Facts::repair)),
            Reason::repair);
}

TEST(RuleOrder, LingerNamesOnlyAnOrderlyEnd) {
  const auto lingered = [](TcpState state) {
    return Scene(state).orphan(kSecond).linger(5).wait_ended(kMs).with(&Facts::linger_acked);
  };
  EXPECT_EQ(reason(lingered(TcpState::fin_wait2)), Reason::linger_completed);
  EXPECT_EQ(reason(lingered(TcpState::closing)), Reason::linger_completed);
  EXPECT_EQ(reason(lingered(TcpState::fin_wait2).with(&Facts::rst_before)),
            Reason::fin_wait2_timeout);
  EXPECT_EQ(reason(lingered(TcpState::fin_wait2).with(&Facts::reset_called)),
            Reason::reset_by_peer);
}

}  // namespace
}  // namespace closewatch
