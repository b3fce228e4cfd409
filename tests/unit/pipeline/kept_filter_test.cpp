// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/kept_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/raw_record.h"
#include "tests/unit/pipeline/sinks.h"
#include "userspace/pipeline/pipeline.h"

namespace closewatch {
namespace {

using ::testing::ElementsAre;
using testing::encode;

constexpr std::uint64_t kKeptEnd = 60'000'000'000;

// 127.0.0.1:80 to 127.0.0.1:5000 by pid 7 of user 33 in /a/b, in namespace 9.
Closure kept_closure() {
  Closure closure = testing::graceful_close(1, kKeptEnd);
  closure.process.pid = 7;
  closure.process.uid = 33;
  closure.netns = 9;
  closure.local = {.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, .port = 80};
  closure.peer = {.address = closure.local.address, .port = 5000};
  return closure;
}

ProcessDetails in_cgroup(const char* path) {
  ProcessDetails details;
  details.cgroup = path;
  return details;
}

bool wants(const KeptFilter& filter, const Closure& closure) {
  return filter.wants(closure, in_cgroup("/a/b"));
}

TEST(KeptFilter, HoldsWhatTheKernelHolds) {
  const Closure closure = kept_closure();
  EXPECT_TRUE(wants({}, closure));
  EXPECT_TRUE(wants({.pids = {6, 7}}, closure));
  EXPECT_FALSE(wants({.pids = {6}}, closure));
  EXPECT_TRUE(wants({.uids = {33}}, closure));
  EXPECT_FALSE(wants({.uids = {0}}, closure));
  EXPECT_TRUE(wants({.local_ports = {80}}, closure));
  EXPECT_FALSE(wants({.local_ports = {5000}}, closure));
  EXPECT_TRUE(wants({.peer_ports = {5000}}, closure));
  EXPECT_FALSE(wants({.peer_ports = {80}}, closure));
  EXPECT_TRUE(wants({.ipv4 = true}, closure));
  EXPECT_FALSE(wants({.ipv4 = false}, closure));
  EXPECT_TRUE(wants({.netns = 9}, closure));
  EXPECT_FALSE(wants({.netns = 8}, closure));
  EXPECT_FALSE(wants({.pids = {7}, .local_ports = {81}}, closure));  // all at once
}

TEST(KeptFilter, TakesACgroupAndWhatIsBelowIt) {
  const Closure closure = kept_closure();
  for (const char* path : {"", "/a", "/a/b"}) {
    EXPECT_TRUE(wants({.cgroup = path}, closure)) << path;
  }
  for (const char* path : {"/a/b/c", "/a/", "/b", "/a/bb"}) {
    EXPECT_FALSE(wants({.cgroup = path}, closure)) << path;
  }
}

TEST(KeptFilter, AnUnknownProcessIsNobodys) {
  Closure closure = kept_closure();
  closure.process = {};
  EXPECT_TRUE(wants({}, closure));
  EXPECT_FALSE(wants({.pids = {0}}, closure));
  EXPECT_FALSE(wants({.uids = {0}}, closure));
  EXPECT_FALSE(wants({.cgroup = ""}, closure));
}

TEST(KeptFilter, DoubtsOnlyWhatTheCgroupAloneKeepsOut) {
  const Closure closure = kept_closure();
  EXPECT_FALSE(KeptFilter{.cgroup = "/a"}.wants(closure, {}));
  EXPECT_TRUE(KeptFilter{.cgroup = "/a"}.in_doubt(closure, {}));
  EXPECT_FALSE(KeptFilter{}.in_doubt(closure, {}));
  EXPECT_FALSE((KeptFilter{.pids = {6}, .cgroup = "/a"}.in_doubt(closure, {})));
  EXPECT_FALSE((KeptFilter{.netns = 8, .cgroup = "/a"}.in_doubt(closure, {})));
  EXPECT_FALSE((KeptFilter{.cgroup = "/a"}.in_doubt(closure, in_cgroup("/b"))));
  EXPECT_TRUE(KeptFilter{.cgroup = ""}.wants(closure, {}));  // all are below the root
}

TEST(KeptFilter, TakesAttemptsOnlyWhenAskedTo) {
  Closure attempt = kept_closure();
  attempt.final_state = TcpState::syn_sent;
  EXPECT_FALSE(wants({}, attempt));
  EXPECT_TRUE(wants({.attempts = true}, attempt));
}

// As in the kernel: by what the record said; an amendment goes where its closure went, and a late
// name makes nobody's closure somebody's.
TEST(KeptFilter, ActsBeforeAnyLateFact) {
  testing::Kept kept;
  PlainEnricher enricher{0};
  Pipeline pipeline(SourceContext{}, {}, enricher, {&kept});
  pipeline.keep({.pids = {7}});
  Closure wanted = testing::ambiguous_reset(1, kKeptEnd);
  wanted.process.pid = 7;
  Closure other = testing::ambiguous_reset(2, kKeptEnd + 1);
  other.process.pid = 8;
  Closure nobodys = testing::graceful_close(3, kKeptEnd + 2);
  nobodys.process = {};
  for (const Closure& closure : {wanted, other, nobodys}) {
    pipeline.record(encode(closure));
  }
  Amendment named;
  named.id = nobodys.id;
  named.time_ns = kKeptEnd + 3;
  named.process = wanted.process;
  named.role = Role::closer;
  pipeline.record(encode(named));
  pipeline.record(encode(testing::rst_answer(other, kKeptEnd + 4)));
  pipeline.record(encode(testing::rst_answer(wanted, kKeptEnd + 5)));
  pipeline.record(encode(testing::rst_answer(wanted, kKeptEnd + 6)));
  pipeline.finish();
  EXPECT_THAT(kept.said, ElementsAre("data_after_close", "^data_after_close"));
  const PipelineCounts& counts = pipeline.counts();
  EXPECT_EQ(counts.records, 7U);
  EXPECT_EQ(counts.given, 1U);
  EXPECT_EQ(counts.deselected, 2U);
  EXPECT_EQ(counts.amendments, 4U);
  EXPECT_EQ(counts.in_doubt, 0U);
}

}  // namespace
}  // namespace closewatch
