// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/selection.h"

#include <gtest/gtest.h>

#include "tests/data/example_record.h"

namespace closewatch {
namespace {

Verdict verdict_of(Reason reason, bool lost) {
  Verdict verdict;
  verdict.cls = class_of(reason);
  verdict.reason = reason;
  verdict.lost = lost;
  return verdict;
}

TEST(Selection, WithoutWishesWantsEverything) {
  EXPECT_TRUE(Selection{}.wants(Closure{}, verdict_of(Reason::unknown, false)));
}

TEST(Selection, NamesAreShellPatterns) {
  const Closure nginx = testing::example_closure(1);
  const Verdict verdict = verdict_of(Reason::local_first, false);
  EXPECT_TRUE((Selection{.comms = {"ngin?"}}).wants(nginx, verdict));
  EXPECT_TRUE((Selection{.comms = {"php*", "nginx"}}).wants(nginx, verdict));
  EXPECT_FALSE((Selection{.comms = {"ngin"}}).wants(nginx, verdict));
}

TEST(Selection, AnUnknownProcessHasNoName) {
  EXPECT_FALSE((Selection{.comms = {"*"}}).wants(Closure{}, verdict_of(Reason::unknown, false)));
}

TEST(Selection, AllWishesMustHold) {
  const Selection wish{
      .classes = {Class::abortive}, .reasons = {Reason::unread_data}, .lost_only = true};
  EXPECT_TRUE(wish.wants(Closure{}, verdict_of(Reason::unread_data, true)));
  EXPECT_FALSE(wish.wants(Closure{}, verdict_of(Reason::unread_data, false)));
  EXPECT_FALSE(wish.wants(Closure{}, verdict_of(Reason::linger_zero, true)));
  EXPECT_FALSE(wish.wants(Closure{}, verdict_of(Reason::local_first, true)));
}

}  // namespace
}  // namespace closewatch
