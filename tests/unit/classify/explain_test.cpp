// SPDX-License-Identifier: Apache-2.0
// The sentences for one closure, and the texts on classes and reasons.
#include "userspace/classify/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/classify/situation.h"
#include "userspace/classify/meaning.h"

namespace closewatch {
namespace {

using situations::kContext;
using situations::kMs;
using situations::kSecond;
using situations::Scene;
using testing::HasSubstr;

std::string explained(const Closure& closure) {
  return explain(closure, classify(closure, kContext));
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Whole sentences: a capital or a function name, full stops, no holes.
void expect_prose(std::string_view text, std::string_view where) {
  ASSERT_FALSE(text.empty()) << where;
  EXPECT_TRUE(is_plain(text)) << where << ": " << text;
  EXPECT_TRUE((text.front() >= 'A' && text.front() <= 'Z') ||
              (text.front() >= '0' && text.front() <= '9') || text.find("() ") < 12)
      << where << ": " << text;
  EXPECT_EQ(text.back(), '.') << where << ": " << text;
  for (const std::string_view hole : {"  ", " .", " ,", "..", "{}", " ;", ",,", "()()"}) {
    EXPECT_EQ(text.find(hole), std::string_view::npos) << where << ": " << text;
  }
}

TEST(Explain, SaysWhatUnreadDataDidAndWhatElseWasLost) {
  EXPECT_EQ(
      explained(
          Scene(TcpState::established).in_close().bytes(4000, 1, 300).with(&Facts::rst_after)),
      "300 bytes had been received and not read at close(), so the kernel sent a reset "
      "instead of a FIN. Lost as well: 4000 bytes never sent; 1 byte sent but not "
      "acknowledged, though perhaps received.");
}

TEST(Explain, SaysThatMptcpResetTheSubflowsOfASocketWithUnreadData) {
  EXPECT_EQ(explained(Scene(TcpState::established)
                          .in_close()
                          .with(&Facts::mptcp, &Facts::kernel_socket, &Facts::rst_before)),
            "The MPTCP socket had received data that was not read at close(), so MPTCP reset this "
            "subflow. All data that was sent had been acknowledged.");
}

TEST(Explain, SaysThatAnExpiredLingerTimeDidNotReset) {
  EXPECT_EQ(explained(Scene(TcpState::fin_wait2)
                          .orphan(1600 * kMs)
                          .linger(1)
                          .wait_ended(1500 * kMs)
                          .with(&Facts::linger_left, &Facts::peer_fin)),
            "SO_LINGER made close() wait 1.00 s, the whole linger time, without everything being "
            "acknowledged; the kernel went on in the background and delivered all of it. The end "
            "came 1.60 s after close(), in the background.");
}

TEST(Explain, SaysThatThisHostCouldNotSend) {
  EXPECT_EQ(
      explained(
          Scene(TcpState::established).held().bytes(444, 0, 0).error(ETIMEDOUT).retries(0, 4)),
      "In ESTABLISHED this host could not send, although the peer had room for 1000 bytes, "
      "and after 4 attempts the kernel gave up. Lost: 444 bytes never sent.");
}

TEST(Explain, SaysThatTheLingerWaitWasInVain) {
  EXPECT_EQ(explained(Scene(TcpState::fin_wait1)
                          .orphan(3 * kSecond)
                          .linger(1)
                          .wait_ended(3 * kSecond)
                          .bytes(0, 1000, 0)
                          .error(ETIMEDOUT)
                          .retries(4)
                          .with(&Facts::linger_left)),
            "In FIN_WAIT1 the peer acknowledged no more data, and after 4 retransmissions the "
            "kernel gave up. Lost: 1000 bytes sent but not acknowledged, though perhaps received. "
            "SO_LINGER had made close() wait 1.00 s before that, in vain.");
}

TEST(Explain, NamesTheSignalThatKilledTheOwner) {
  EXPECT_EQ(explained(Scene(TcpState::established)
                          .in_close()
                          .linger(0)
                          .exiting(9)
                          .bytes(10, 0, 0)
                          .with(&Facts::rst_after)),
            "SO_LINGER was on with a time of 0, so the death of the process by signal 9 (SIGKILL) "
            "reset the connection in ESTABLISHED. Lost: 10 bytes never sent.");
}

TEST(Explain, SaysWhenTheDataCameThatNobodyCouldReceive) {
  EXPECT_EQ(explained(Scene(TcpState::fin_wait1)
                          .orphan(30 * kMs)
                          .with(&Facts::reset_called, &Facts::rst_answer)),
            "The peer sent data 30.0 ms after close(), in FIN_WAIT1, so the kernel answered with a "
            "reset. No bytes were lost.");
}

TEST(Explain, DoesNotCallUnreadDataSafeWhileTheDescriptorIsOpen) {
  EXPECT_EQ(explained(Scene(TcpState::established).held().with(&Facts::reset_called)),
            "A reset from the peer arrived in ESTABLISHED. All data that was sent had been "
            "acknowledged.");
}

TEST(Explain, GivesTheFinToTheShutdownThatSentIt) {
  EXPECT_EQ(explained(Scene(TcpState::fin_wait2).shut_down().late_in_close()),
            "Our FIN came first, at shutdown(), and the peer acknowledged it and all data before "
            "it.");
}

TEST(Explain, TellsWhatCameToLightLater) {
  const auto handed_over = [] { return Scene(TcpState::fin_wait2).orphan(kMs); };
  EXPECT_THAT(explained(handed_over().with(&Facts::peer_never_closed)),
              HasSubstr(" The peer never sent its FIN."));
  EXPECT_THAT(explained(handed_over().with(&Facts::rst_answer, &Facts::late_data_reset)),
              HasSubstr(" Data that the peer sent afterwards was answered with a reset."));
}

TEST(Explain, NamesTheKillerByNumberOnly) {
  EXPECT_THAT(explained(Scene(TcpState::established)
                            .held()
                            .error(ECONNABORTED)
                            .actor(99)
                            .with(&Facts::aborted_by_other)),
              HasSubstr("Process 99 destroyed the connection in ESTABLISHED"));
}

TEST(Explain, IsProseOfThreeSentencesAtMostForEverySituation) {
  for (const situations::Situation& row : situations::all()) {
    for (const Closure& closure : {row.base, row.full()}) {
      const std::string text = explained(closure);
      expect_prose(text, row.name);
      std::size_t sentences = 1;
      for (auto at = text.find(". "); at != std::string::npos; at = text.find(". ", at + 1)) {
        ++sentences;
      }
      EXPECT_LE(sentences, 3) << text;
    }
  }
}

TEST(Explain, UnknownIsSaidToBeUnknown) {
  EXPECT_THAT(explained(Scene(TcpState::established).held()),
              HasSubstr("The connection went from ESTABLISHED to CLOSE, and no rule says why."));
}

TEST(Meaning, EveryClassAndReasonHasAMeaningAndAdviceOfItsOwn) {
  std::set<std::string_view> meanings;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    expect_prose(explanation_of(reason).meaning, name_of(reason));
    expect_prose(explanation_of(reason).advice, name_of(reason));
    EXPECT_TRUE(meanings.insert(explanation_of(reason).meaning).second) << name_of(reason);
  }
  meanings.erase(explanation_of(Reason::unknown).meaning);
  for (std::size_t i = 0; i < kClassCount; ++i) {
    const auto cls = static_cast<Class>(i);
    expect_prose(explanation_of(cls).meaning, name_of(cls));
    expect_prose(explanation_of(cls).advice, name_of(cls));
    EXPECT_TRUE(meanings.insert(explanation_of(cls).meaning).second) << name_of(cls);
  }
}

// A word that only the text of this reason can hold: the tables are in step with the enumerations.
TEST(Meaning, TextsBelongToTheirReasons) {
  const auto meaning = [](Reason reason) { return explanation_of(reason).meaning; };
  EXPECT_THAT(meaning(Reason::local_first), HasSubstr("This side sent its FIN first"));
  EXPECT_THAT(meaning(Reason::peer_first), HasSubstr("The peer sent its FIN first"));
  EXPECT_THAT(meaning(Reason::simultaneous), HasSubstr("Both sides sent a FIN"));
  EXPECT_THAT(meaning(Reason::linger_completed), HasSubstr("as SO_LINGER asks"));
  EXPECT_THAT(meaning(Reason::linger_expired), HasSubstr("Linux never resets"));
  EXPECT_THAT(meaning(Reason::retransmission), HasSubstr("retransmitted until"));
  EXPECT_THAT(meaning(Reason::fin_unacked), HasSubstr("our FIN never was"));
  EXPECT_THAT(meaning(Reason::zero_window), HasSubstr("probed the window"));
  EXPECT_THAT(meaning(Reason::keepalive), HasSubstr("keepalive probes"));
  EXPECT_THAT(meaning(Reason::user_timeout), HasSubstr("TCP_USER_TIMEOUT"));
  EXPECT_THAT(meaning(Reason::unread_data), HasSubstr("received data was still unread"));
  EXPECT_THAT(meaning(Reason::linger_zero), HasSubstr("with a time of 0"));
  EXPECT_THAT(meaning(Reason::data_after_close), HasSubstr("sent data after this side had closed"));
  EXPECT_THAT(meaning(Reason::reset_by_peer), HasSubstr("A reset arrived from the peer"));
  EXPECT_THAT(meaning(Reason::disconnected), HasSubstr("connect(AF_UNSPEC)"));
  EXPECT_THAT(meaning(Reason::destroyed), HasSubstr("SOCK_DESTROY"));
  EXPECT_THAT(meaning(Reason::listener_closed), HasSubstr("its listener was closed"));
  EXPECT_THAT(meaning(Reason::orphan_limit), HasSubstr("tcp_max_orphans"));
  EXPECT_THAT(meaning(Reason::linger2), HasSubstr("TCP_LINGER2"));
  EXPECT_THAT(meaning(Reason::fin_wait2_timeout), HasSubstr("a timer reset"));
  EXPECT_THAT(meaning(Reason::repair), HasSubstr("TCP_REPAIR"));
  EXPECT_THAT(meaning(Reason::refused), HasSubstr("answered the connection attempt with a reset"));
  EXPECT_THAT(meaning(Reason::connect_timeout), HasSubstr("handshake went unanswered"));
  EXPECT_THAT(meaning(Reason::connect_error), HasSubstr("attempt failed with an error"));
  EXPECT_THAT(meaning(Reason::closed_in_syn_sent), HasSubstr("closed before the handshake"));
  EXPECT_THAT(meaning(Reason::unknown), HasSubstr("No rule fits"));
  EXPECT_THAT(explanation_of(Class::graceful).meaning, HasSubstr("acknowledged everything"));
  EXPECT_THAT(explanation_of(Class::lingered).meaning, HasSubstr("made close() wait"));
  EXPECT_THAT(explanation_of(Class::timed_out).meaning, HasSubstr("A limit of time passed"));
  EXPECT_THAT(explanation_of(Class::abortive).meaning, HasSubstr("was cut off"));
  EXPECT_THAT(explanation_of(Class::unestablished).meaning, HasSubstr("never completed"));
  EXPECT_THAT(explanation_of(Class::unknown).meaning, HasSubstr("a defect of closewatch"));
}

}  // namespace
}  // namespace closewatch
