// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/raw_record.h"
#include "tests/unit/pipeline/sinks.h"

namespace closewatch {
namespace {

using testing::ambiguous_reset;
using ::testing::ElementsAre;
using testing::encode;
using testing::graceful_close;
using testing::Kept;
using testing::rst_answer;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kStart = 60'000'000'000;

struct Harness {
  explicit Harness(Selection selection = {})
      : pipeline({.boot_to_unix_ns = 1'700'000'000'000'000'000,
                  .tick_ns = 4'000'000,
                  .reset_reasons = {{8, "TCP_ABORT_ON_DATA"}}},
                 std::move(selection), enricher, {&kept}) {}

  Kept kept;
  PlainEnricher enricher{0};
  Pipeline pipeline;
};

TEST(Pipeline, AnAnswerTurnsAHeldResetIntoDataAfterClose) {
  Harness at;
  const Closure held = ambiguous_reset(1, kStart);
  at.pipeline.record(encode(held));
  EXPECT_THAT(at.kept.said, ElementsAre());
  at.pipeline.record(encode(rst_answer(held, kStart + 1000)));
  EXPECT_THAT(at.kept.said, ElementsAre("data_after_close"));
}

TEST(Pipeline, SilenceMakesItAResetByThePeer) {
  Harness at;
  at.pipeline.record(encode(ambiguous_reset(1, kStart)));
  at.pipeline.batch_end(kStart + 49 * kMs);
  EXPECT_THAT(at.kept.said, ElementsAre());
  at.pipeline.batch_end(kStart + 50 * kMs);
  EXPECT_THAT(at.kept.said, ElementsAre("reset_by_peer"));
  EXPECT_EQ(at.pipeline.due_ns(), std::nullopt);
}

TEST(Pipeline, ALaterRecordReleasesWhatIsOldEnough) {
  Harness at;
  at.pipeline.record(encode(ambiguous_reset(1, kStart)));
  at.pipeline.record(encode(graceful_close(2, kStart + 39 * kMs)));
  EXPECT_THAT(at.kept.said, ElementsAre("local_first"));
  at.pipeline.record(encode(graceful_close(3, kStart + 40 * kMs)));
  EXPECT_THAT(at.kept.said, ElementsAre("local_first", "reset_by_peer", "local_first"));
}

// One moment has one name: also a late fact names what ended before the wall clock was set as it
// was named then.
TEST(Pipeline, NamesWhatEndsAfterTheWallClockWasSetByIt) {
  Harness at;
  constexpr std::int64_t kOffset = 1'700'000'000'000'000'000;
  constexpr std::int64_t kDay = 86'400'000'000'000;
  const Closure before = graceful_close(1, kStart);
  const Closure after = graceful_close(2, kStart + 2 * kMs);
  at.pipeline.record(encode(before));
  EXPECT_FALSE(at.pipeline.look_at_clocks(kStart + kMs, kOffset));
  EXPECT_TRUE(at.pipeline.look_at_clocks(kStart + 3 * kMs, kOffset - kDay));
  at.pipeline.record(encode(after));
  at.pipeline.record(encode(rst_answer(before, kStart + 4 * kMs)));
  ASSERT_EQ(at.kept.findings.size(), 2U);
  EXPECT_EQ(at.kept.findings[0].end_unix_ns, kOffset + static_cast<std::int64_t>(kStart));
  EXPECT_EQ(at.kept.findings[1].end_unix_ns,
            kOffset - kDay + static_cast<std::int64_t>(kStart + 2 * kMs));
  ASSERT_EQ(at.kept.corrections.size(), 1U);
  EXPECT_EQ(at.kept.corrections[0].amends, at.kept.findings[0].id);
  EXPECT_EQ(at.kept.corrections[0].unix_ns,
            kOffset - kDay + static_cast<std::int64_t>(kStart + 4 * kMs));
}

TEST(Pipeline, DueTellsWhenToLookAgain) {
  Harness at;
  EXPECT_EQ(at.pipeline.due_ns(), std::nullopt);
  at.pipeline.record(encode(ambiguous_reset(1, kStart)));
  EXPECT_EQ(at.pipeline.due_ns(), kStart + 50 * kMs);
}

TEST(Pipeline, FinishReleasesEverything) {
  Harness at;
  at.pipeline.record(encode(ambiguous_reset(1, kStart)));
  at.pipeline.finish();
  EXPECT_THAT(at.kept.said, ElementsAre("reset_by_peer"));
  EXPECT_EQ(at.kept.flushes, 1);
}

TEST(Pipeline, AnAnswerAfterTheReleaseIsACorrection) {
  Harness at;
  const Closure held = ambiguous_reset(1, kStart);
  at.pipeline.record(encode(held));
  at.pipeline.batch_end(kStart + 50 * kMs);
  at.pipeline.record(encode(rst_answer(held, kStart + 51 * kMs)));
  EXPECT_THAT(at.kept.said, ElementsAre("reset_by_peer", "^data_after_close"));
}

TEST(Pipeline, AnAmendmentOfWhatIsNotWantedIsNotGiven) {
  Harness at({.classes = {Class::timed_out}});
  const Closure unwanted = ambiguous_reset(1, kStart);
  at.pipeline.record(encode(unwanted));
  at.pipeline.batch_end(kStart + 50 * kMs);
  at.pipeline.record(encode(rst_answer(unwanted, kStart + 51 * kMs)));
  EXPECT_THAT(at.kept.said, ElementsAre());
  EXPECT_EQ(at.pipeline.counts().deselected, 1);
  EXPECT_EQ(at.pipeline.counts().amendments, 1);
}

TEST(Pipeline, ALateFactGivesAClosureThatItMakesWanted) {
  Harness at({.reasons = {Reason::data_after_close}});
  const Closure closure = ambiguous_reset(1, kStart);
  at.pipeline.record(encode(closure));
  at.pipeline.batch_end(kStart + 50 * kMs);
  EXPECT_EQ(at.pipeline.counts().deselected, 1);
  at.pipeline.record(encode(rst_answer(closure, kStart + 51 * kMs)));
  EXPECT_THAT(at.kept.said, ElementsAre("data_after_close"));
  EXPECT_EQ(at.pipeline.counts().deselected, 0);
  EXPECT_EQ(at.pipeline.counts().given, 1);
  // From now on it is one that was given.
  at.pipeline.record(encode(rst_answer(closure, kStart + 52 * kMs)));
  EXPECT_THAT(at.kept.said, ElementsAre("data_after_close", "^data_after_close"));
}

TEST(Pipeline, AFullHoldingLetsTheOldestGoAndCountsIt) {
  Harness at;
  for (std::uint32_t n = 0; n <= Holding::kLimit; ++n) {
    at.pipeline.record(encode(ambiguous_reset(n, kStart + n)));
  }
  EXPECT_THAT(at.kept.said, ElementsAre("reset_by_peer"));
  EXPECT_EQ(at.pipeline.counts().held_early, 1);
}

TEST(Pipeline, EveryRecordIsSomewhere) {
  Harness at({.comms = {}, .classes = {Class::abortive}, .reasons = {}, .lost_only = false});
  const Closure held = ambiguous_reset(1, kStart);
  at.pipeline.record(encode(held));
  at.pipeline.record(encode(rst_answer(held, kStart + 1)));
  at.pipeline.record(encode(graceful_close(2, kStart + 2)));
  at.pipeline.record(std::vector<std::byte>(10));
  at.pipeline.gap(7, kStart);
  at.pipeline.finish();
  const PipelineCounts& counts = at.pipeline.counts();
  EXPECT_EQ(counts.records, 4);
  EXPECT_EQ(counts.given, 1);
  EXPECT_EQ(counts.deselected, 1);
  EXPECT_EQ(counts.amendments, 1);
  EXPECT_EQ(counts.rejected, 1);
  EXPECT_EQ(counts.gaps, 7);
  EXPECT_THAT(at.kept.said, ElementsAre("data_after_close", "gap 7"));
}

TEST(Pipeline, TellsAttemptsAsTheKernelSideDoes) {
  Harness at;
  Closure closure = graceful_close(1, kStart);
  for (const TcpState state : {TcpState::established, TcpState::syn_recv, TcpState::syn_sent}) {
    closure.final_state = state;
    at.pipeline.record(encode(closure));
  }
  EXPECT_EQ(at.pipeline.counts().records, 3);
  EXPECT_EQ(at.pipeline.counts().attempts, 2);
}

TEST(Pipeline, StopsAtTheLimit) {
  Harness at;
  at.pipeline.limit(1);
  EXPECT_FALSE(at.pipeline.limit_reached());
  at.pipeline.record(encode(graceful_close(1, kStart)));
  EXPECT_TRUE(at.pipeline.limit_reached());
  at.pipeline.record(encode(graceful_close(2, kStart + 1)));
  EXPECT_EQ(at.kept.said.size(), 1);
  EXPECT_EQ(at.pipeline.counts().deselected, 1);
}

TEST(Pipeline, NamesTheEndOnTheWallClockAndTheCpu) {
  Harness at;
  Closure closure = graceful_close(1, 1);
  closure.id.cpu = 0x1f;
  closure.born_ns.reset();
  closure.close_ns.reset();
  at.pipeline.record(encode(closure));
  ASSERT_EQ(at.kept.findings.size(), 1);
  EXPECT_EQ(at.kept.findings[0].id, "17979cfe362a0001-1f");  // 1.7e18 + 1 ns
  EXPECT_EQ(at.kept.findings[0].end_unix_ns, 1'700'000'000'000'000'001);
}

TEST(Pipeline, AnActorIsSomebodyElse) {
  Harness at;
  Closure closure = graceful_close(1, kStart);
  closure.actor = closure.process;
  closure.actor.tid += 5;
  at.pipeline.record(encode(closure));
  closure.actor.pid += 1;
  at.pipeline.record(encode(closure));
  ASSERT_EQ(at.kept.findings.size(), 2);
  EXPECT_FALSE(at.kept.findings[0].closure.actor.known());
  EXPECT_EQ(at.kept.findings[1].closure.actor.pid, closure.process.pid + 1);
}

TEST(Pipeline, KnowsTheReasonNamesOfTheRecordingKernelOnly) {
  Harness at;
  Closure closure = graceful_close(1, kStart);
  closure.rst_reason = 8;
  at.pipeline.record(encode(closure));
  closure.rst_reason = 9;
  at.pipeline.record(encode(closure));
  ASSERT_EQ(at.kept.findings.size(), 2);
  EXPECT_EQ(at.kept.findings[0].rst_reason, "TCP_ABORT_ON_DATA");
  EXPECT_EQ(at.kept.findings[1].rst_reason, "");
}

}  // namespace
}  // namespace closewatch
