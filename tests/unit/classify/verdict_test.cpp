// SPDX-License-Identifier: Apache-2.0
// The names of the contract (design.md section 2) and the class of every reason.
#include "userspace/classify/verdict.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace closewatch {
namespace {

TEST(Verdict, ReasonsBelongToTheClassesOfTheContract) {
  const std::map<std::string_view, std::set<std::string_view>> contract{
      {"graceful", {"local_first", "peer_first", "simultaneous"}},
      {"lingered", {"linger_completed"}},
      {"timed_out",
       {"linger_expired", "retransmission", "fin_unacked", "zero_window", "keepalive",
        "user_timeout"}},
      {"abortive",
       {"unread_data", "linger_zero", "data_after_close", "reset_by_peer", "disconnected",
        "destroyed", "listener_closed", "orphan_limit", "linger2", "fin_wait2_timeout", "repair"}},
      {"unestablished", {"refused", "connect_timeout", "connect_error", "closed_in_syn_sent"}},
      {"unknown", {"unknown"}},
  };
  std::map<std::string_view, std::set<std::string_view>> actual;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    actual[name_of(class_of(reason))].insert(name_of(reason));
  }
  EXPECT_EQ(actual, contract);
}

TEST(Verdict, ReasonsAreNamedLikeTheirEnumerators) {
  EXPECT_EQ(name_of(Reason::local_first), "local_first");
  EXPECT_EQ(name_of(Reason::linger_expired), "linger_expired");
  EXPECT_EQ(name_of(Reason::zero_window), "zero_window");
  EXPECT_EQ(name_of(Reason::data_after_close), "data_after_close");
  EXPECT_EQ(name_of(Reason::fin_wait2_timeout), "fin_wait2_timeout");
  EXPECT_EQ(name_of(Reason::closed_in_syn_sent), "closed_in_syn_sent");
  EXPECT_EQ(static_cast<std::size_t>(Reason::unknown) + 1, kReasonCount);
  EXPECT_EQ(static_cast<std::size_t>(Class::unknown) + 1, kClassCount);
}

TEST(Verdict, NamesOfTheOtherValues) {
  EXPECT_EQ(name_of(Class::timed_out), "timed_out");
  EXPECT_EQ(name_of(Initiator::local), "local");
  EXPECT_EQ(name_of(Initiator::peer), "peer");
  EXPECT_EQ(name_of(Initiator::kernel), "kernel");
  EXPECT_EQ(name_of(ClosedBy::close), "close");
  EXPECT_EQ(name_of(ClosedBy::shutdown), "shutdown");
  EXPECT_EQ(name_of(ClosedBy::exit), "exit");
  EXPECT_EQ(name_of(ClosedBy::signal), "signal");
  EXPECT_EQ(name_of(ClosedBy::exec), "exec");
  EXPECT_EQ(name_of(ClosedBy::io_uring), "io_uring");
  EXPECT_EQ(name_of(ClosedBy::kernel), "kernel");
  EXPECT_EQ(name_of(ClosedBy::none), "none");
  EXPECT_EQ(name_of(LingerOutcome::off), "off");
  EXPECT_EQ(name_of(LingerOutcome::zero), "zero");
  EXPECT_EQ(name_of(LingerOutcome::completed), "completed");
  EXPECT_EQ(name_of(LingerOutcome::expired), "expired");
  EXPECT_EQ(name_of(LingerOutcome::interrupted), "interrupted");
  EXPECT_EQ(name_of(LingerOutcome::skipped), "skipped");
  EXPECT_EQ(name_of(LingerOutcome::unknown), "unknown");
}

TEST(Verdict, NamesLeadBackToTheirValues) {
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_EQ(reason_named(name_of(reason)), reason);
  }
  for (std::size_t i = 0; i < kClassCount; ++i) {
    const auto cls = static_cast<Class>(i);
    EXPECT_EQ(class_named(name_of(cls)), cls);
  }
  for (const std::string_view other :
       {"", "Graceful", "graceful ", "linger", "unread_data.buffer"}) {
    EXPECT_EQ(reason_named(other), std::nullopt) << other;
    EXPECT_EQ(class_named(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace closewatch
