// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/matcher.h"

#include <gtest/gtest.h>

#include "tests/unit/alert/alert_samples.h"

namespace closewatch::alert {
namespace {

bool matches(const Match& match, const Finding& finding) {
  const Matcher matcher(match);
  return matcher.covers(finding) && matcher.wants(finding);
}

// nginx in /system.slice/nginx.service, from port 80 to 50122, unread_data with 300 bytes unread.
TEST(Matcher, WithoutWishesEveryClosureMatches) { EXPECT_TRUE(matches({}, sample_finding())); }

TEST(Matcher, ByProcessName) {
  EXPECT_TRUE(matches({.selection = {.comms = {"php*", "ngin?"}}}, sample_finding()));
  EXPECT_FALSE(matches({.selection = {.comms = {"ngin"}}}, sample_finding()));
}

TEST(Matcher, ByCgroupAndWhatIsBelow) {
  for (const char* path : {"/", "/system.slice", "/system.slice/nginx.service"}) {
    EXPECT_TRUE(matches({.selection = {}, .cgroups = {"/other", path}}, sample_finding())) << path;
  }
  for (const char* path : {"/system", "/system.slice/nginx.service/below", "/user.slice"}) {
    EXPECT_FALSE(matches({.selection = {}, .cgroups = {path}}, sample_finding())) << path;
  }
  Finding unknown = sample_finding();
  unknown.process.cgroup.reset();
  EXPECT_FALSE(matches({.selection = {}, .cgroups = {"/"}}, unknown));
}

TEST(Matcher, ByPort) {
  EXPECT_TRUE(matches({.selection = {}, .local_ports = {443, 80}}, sample_finding()));
  EXPECT_FALSE(matches({.selection = {}, .local_ports = {443}}, sample_finding()));
  EXPECT_TRUE(matches({.selection = {}, .peer_ports = {50122}}, sample_finding()));
  EXPECT_FALSE(matches({.selection = {}, .peer_ports = {80}}, sample_finding()));
}

TEST(Matcher, ByTimeInClose) {
  Finding finding = sample_finding();
  const Match match{.selection = {}, .blocked_at_least = std::chrono::seconds(1)};
  finding.verdict.blocked_us = 999'999;
  EXPECT_FALSE(matches(match, finding));
  finding.verdict.blocked_us = 1'000'000;
  EXPECT_TRUE(matches(match, finding));
  finding.verdict.blocked_us.reset();
  EXPECT_FALSE(matches(match, finding));
}

TEST(Matcher, TheVerdictDecidesOnlyTheSecondHalf) {
  const Matcher matcher({.selection = {.comms = {"nginx"},
                                       .classes = {Class::abortive},
                                       .reasons = {Reason::linger_zero},
                                       .lost_only = true},
                         .local_ports = {80}});
  EXPECT_TRUE(matcher.covers(sample_finding()));
  EXPECT_FALSE(matcher.wants(sample_finding()));
  EXPECT_TRUE(matcher.covers(testing::fine_at(0)));
  EXPECT_TRUE(matcher.wants(testing::closure(0, Reason::linger_zero, 1)));
  EXPECT_FALSE(matcher.wants(testing::closure(0, Reason::linger_zero, 0)));
}

TEST(Matcher, ConnectionsThatNeverWereCountOnlyWhenAskedFor) {
  const Finding refused = testing::closure(0, Reason::refused);
  EXPECT_FALSE(matches({}, refused));
  EXPECT_TRUE(matches({.selection = {.classes = {Class::unestablished}}}, refused));
  EXPECT_TRUE(matches({.selection = {.reasons = {Reason::refused}}}, refused));
  EXPECT_FALSE(matches({.selection = {.reasons = {Reason::connect_timeout}}}, refused));
}

}  // namespace
}  // namespace closewatch::alert
