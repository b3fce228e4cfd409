// SPDX-License-Identifier: Apache-2.0
#include "userspace/observe/filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace closewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Filters, RefuseWhatCannotBe) {
  const auto code = [](const FilterOptions& options) {
    const auto kernel = kernel_filter(options);
    const auto wanted = selection(options);
    return !kernel.ok() ? kernel.error() : (!wanted.ok() ? wanted.error() : Error{.what = "fine"});
  };
  FilterOptions families;
  families.ipv4 = families.ipv6 = true;
  EXPECT_EQ(code(families).code, ExitCode::usage);
  EXPECT_THAT(code(families).what, HasSubstr("-4 and -6"));

  FilterOptions cls;
  cls.classes = {"gracefull"};
  EXPECT_THAT(code(cls).what, HasSubstr("unknown class 'gracefull'"));
  EXPECT_THAT(code(cls).hint, HasSubstr("closewatch explain"));

  FilterOptions reason;
  reason.reasons = {"unread"};
  EXPECT_THAT(code(reason).what, HasSubstr("unknown reason 'unread'"));

  FilterOptions contradiction;
  contradiction.abortive = true;
  contradiction.reasons = {"local_first"};
  EXPECT_THAT(code(contradiction).what, HasSubstr("graceful"));

  FilterOptions other_class;
  other_class.abortive = true;
  other_class.classes = {"graceful", "timed_out"};
  EXPECT_THAT(code(other_class).what, HasSubstr("both abortive"));

  FilterOptions no_closures;
  no_closures.classes = {"abortive", "unestablished"};
  EXPECT_THAT(code(no_closures).what, HasSubstr("--unestablished"));
  EXPECT_EQ(code(no_closures).code, ExitCode::usage);
  no_closures.unestablished = true;
  EXPECT_EQ(code(no_closures).what, "fine");

  FilterOptions attempts;
  attempts.reasons = {"refused"};
  EXPECT_THAT(code(attempts).hint, HasSubstr("--unestablished"));
  attempts.unestablished = true;
  EXPECT_EQ(code(attempts).what, "fine");

  FilterOptions pid;
  pid.pids = {4'000'000};
  EXPECT_EQ(code(pid).code, ExitCode::usage);

  FilterOptions netns;
  netns.netns = "/nowhere";
  EXPECT_EQ(code(netns).code, ExitCode::usage);

  FilterOptions cgroup;
  cgroup.cgroup = "/no/such/cgroup";
  EXPECT_EQ(code(cgroup).code, ExitCode::usage);
}

// What was kept is asked of another host, or of this one later.
TEST(Filters, OfWhatWasKeptNeedNotExistAnyMore) {
  FilterOptions options;
  options.pids = {4'000'000};
  options.netns = "inode:4026531840";
  options.cgroup = "/sys/fs/cgroup/unified/no/such/";
  options.users = {"33"};
  options.local_ports = {80};
  options.peer_ports = {81};
  options.ipv6 = true;
  options.unestablished = true;
  const auto filter = kept_filter(options);
  ASSERT_TRUE(filter.ok()) << filter.error().what;
  EXPECT_EQ(*filter, (KeptFilter{.pids = {4'000'000},
                                 .uids = {33},
                                 .local_ports = {80},
                                 .peer_ports = {81},
                                 .ipv4 = false,
                                 .netns = 4026531840U,
                                 .cgroup = "/no/such",
                                 .attempts = true}));
  options.ipv4 = true;
  EXPECT_THAT(kept_filter(options).error().what, HasSubstr("-4 and -6"));
}

TEST(Filters, AllHoldAtOnce) {
  FilterOptions options;
  options.abortive = true;
  options.classes = {"graceful", "abortive"};
  const auto wanted = selection(options);
  ASSERT_TRUE(wanted.ok()) << wanted.error().what;
  EXPECT_THAT(wanted->classes, ElementsAre(Class::abortive));
}

}  // namespace
}  // namespace closewatch
