// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/closure_row.h"

#include "tests/unit/history/history_file.h"

namespace closewatch::history {
namespace {

// Every field has a value that no other has.
Finding full_finding() {
  Finding finding;
  finding.closure = testing::example_closure(5);
  finding.closure.facts.active_open = true;
  finding.closure.facts.recovered = true;
  finding.closure.closer.kthread = true;
  finding.end_unix_ns = kNoon + 5;
  finding.id = closure_name({finding.end_unix_ns, finding.closure.id.cpu});
  finding.verdict = {.cls = Class::timed_out,
                     .reason = Reason::linger_expired,
                     .rule = "linger_expired",
                     .lost = true,
                     .initiator = Initiator::kernel,
                     .closed_by = ClosedBy::io_uring,
                     .signal = 9,
                     .linger = LingerOutcome::interrupted,
                     .blocked_us = 12,
                     .drain_us = 345};
  finding.process = {
      .exe = "nginx", .cgroup = "/a", .container = "c0ffee", .start_unix_ns = kNoon - 3};
  finding.actor = {.exe = "ss", .cgroup = "/b", .container = {}, .start_unix_ns = kNoon - 4};
  finding.rst_reason = "TCP_ABORT_ON_CLOSE";
  finding.stack = {"tcp_close+0x1d", "evil\n\x1b[31m\"+0x10", ""};
  return finding;
}

TEST(ClosureRow, ComesBackAsItWas) {
  const Folder folder;
  Finding expected = full_finding();
  write_history(settings_for(folder), {expected});
  const auto found = closures_in(folder.file());
  ASSERT_EQ(found.size(), 1U);
  // The frames are there; the numbers that named them in the kernel mean nothing any more.
  expected.closure.stack_kernel.reset();
  expected.closure.stack_user.reset();
  EXPECT_EQ(found[0], expected);
}

TEST(ClosureRow, KeepsWhatIsNotKnownAsNotKnown) {
  const Folder folder;
  Finding expected = graceful(1);
  expected.closure.process = {};
  expected.process = {};
  write_history(settings_for(folder), {expected});
  const auto found = closures_in(folder.file());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], expected);
}

TEST(ClosureRow, KeepsHostileNamesByteForByte) {
  const Folder folder;
  Finding expected = graceful(1);
  set_comm(expected.closure.process, "a\n\x1b[31m\xff\"},b");
  expected.process.exe = "';DROP TABLE x;\xc3";
  expected.process.cgroup = "/\xff\xfe<script>";
  write_history(settings_for(folder), {expected});
  const auto found = closures_in(folder.file());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], expected);
}

TEST(ClosureRow, EveryAddressComesBack) {
  const Folder folder;
  Finding six = graceful(1);
  six.closure.peer = ipv6(kLongIpv6, 443);
  six.closure.local = ipv6({}, 1);
  six.closure.family = 10;
  write_history(settings_for(folder), {six});
  const auto found = closures_in(folder.file());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], six);
}

TEST(ClosureName, IsThatOfThePipeline) {
  EXPECT_EQ(closure_name({0x188ff5c3a1b2c3d4, 3}), "188ff5c3a1b2c3d4-3");
  EXPECT_EQ(closure_name({1, 255}), "0000000000000001-ff");
  EXPECT_EQ(closure_named("188ff5c3a1b2c3d4-3"), (RowKey{0x188ff5c3a1b2c3d4, 3}));
  EXPECT_EQ(closure_named("0000000000000001-ff"), (RowKey{1, 255}));
}

TEST(ClosureName, IsNothingElse) {
  for (const char* text :
       {"", "-", "188ff5c3a1b2c3d4", "188ff5c3a1b2c3d4-", "188ff5c3a1b2c3d4-x", "88ff5c3a1b2c3d4-3",
        "188ff5c3a1b2c3dg-3", "188ff5c3a1b2c3d4-3 ", "188ff5c3a1b2c3d4-123456789", "unread_data"}) {
    EXPECT_EQ(closure_named(text), std::nullopt) << text;
  }
}

TEST(ClosureRow, AnAmendmentChangesItsRow) {
  const Folder folder;
  const Finding first = graceful(1);
  Correction reset = correction_of(first);
  reset.verdict = data_after_close();
  reset.rst_reason = "TCP_ABORT_ON_DATA";
  reset.amendment.facts.rst_answer = true;
  reset.amendment.rst_reason = 14;
  reset.amendment.unread = 77;
  reset.amendment.role = Role::closer;
  reset.amendment.process = task_of(900, "worker", 1000);
  reset.process.exe = "workerd";
  write_history(settings_for(folder), {first, graceful(2)}, {reset});

  const auto found = closures_in(folder.file());
  ASSERT_EQ(found.size(), 2U);
  Finding expected = first;
  expected.verdict.cls = Class::abortive;
  expected.verdict.reason = Reason::data_after_close;
  expected.verdict.rule = "data_after_close";
  expected.verdict.initiator = Initiator::local;
  expected.verdict.lost = true;
  expected.closure.unread = 77;
  expected.closure.rst_reason = 14;
  expected.rst_reason = "TCP_ABORT_ON_DATA";
  expected.closure.facts.rst_answer = true;
  expected.closure.role = Role::closer;
  expected.closure.process = task_of(900, "worker", 1000);
  expected.process = {.exe = "workerd", .cgroup = {}, .container = {}, .start_unix_ns = {}};
  EXPECT_EQ(found[0], expected);
  EXPECT_EQ(found[1], graceful(2));
}

}  // namespace
}  // namespace closewatch::history
