// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/stored_filter.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "tests/unit/render/sample_finding.h"

namespace closewatch {
namespace {

template <typename Value>
FilterOptions with(Value FilterOptions::*option, const std::type_identity_t<Value>& value) {
  FilterOptions options;
  options.*option = value;
  return options;
}

// Whether the sample (pid 812, uid 33, nginx, 10.0.0.1:80 to 10.0.0.9:50122, unread_data) passes.
bool passes(const FilterOptions& options) {
  const auto filter = StoredFilter::of(options);
  EXPECT_TRUE(filter.ok());
  return filter.ok() && filter->wants(sample_finding());
}

TEST(StoredFilter, HoldsEachFilterOfTheCommandLine) {
  EXPECT_TRUE(passes({}));
  EXPECT_TRUE(passes(with(&FilterOptions::pids, {1, 812})));
  EXPECT_FALSE(passes(with(&FilterOptions::pids, {1})));
  EXPECT_TRUE(passes(with(&FilterOptions::users, {"33"})));
  EXPECT_FALSE(passes(with(&FilterOptions::users, {"34"})));
  EXPECT_TRUE(passes(with(&FilterOptions::local_ports, {80})));
  EXPECT_FALSE(passes(with(&FilterOptions::local_ports, {50122})));
  EXPECT_TRUE(passes(with(&FilterOptions::peer_ports, {50122})));
  EXPECT_FALSE(passes(with(&FilterOptions::peer_ports, {80})));
  EXPECT_TRUE(passes(with(&FilterOptions::ipv4, true)));
  EXPECT_FALSE(passes(with(&FilterOptions::ipv6, true)));
  EXPECT_TRUE(passes(with(&FilterOptions::netns, "inode:4026531840")));
  EXPECT_FALSE(passes(with(&FilterOptions::netns, "inode:4026531841")));
  EXPECT_TRUE(passes(with(&FilterOptions::comms, {"ng*"})));
  EXPECT_FALSE(passes(with(&FilterOptions::comms, {"curl"})));
  EXPECT_TRUE(passes(with(&FilterOptions::reasons, {"unread_data"})));
  EXPECT_FALSE(passes(with(&FilterOptions::classes, {"graceful"})));
  EXPECT_TRUE(passes(with(&FilterOptions::abortive, true)));
  EXPECT_TRUE(passes(with(&FilterOptions::lost, true)));
}

TEST(StoredFilter, TakesACgroupAndWhatIsBelowIt) {
  EXPECT_TRUE(passes(with(&FilterOptions::cgroup, "/system.slice/nginx.service")));
  EXPECT_TRUE(passes(with(&FilterOptions::cgroup, "/sys/fs/cgroup/system.slice/")));
  EXPECT_TRUE(passes(with(&FilterOptions::cgroup, "system.slice")));
  EXPECT_TRUE(passes(with(&FilterOptions::cgroup, "/")));
  EXPECT_FALSE(passes(
      with(&FilterOptions::cgroup, "/system.slice/nginx")));  // a name is not a part of another
  EXPECT_FALSE(passes(with(&FilterOptions::cgroup, "/user.slice")));
}

TEST(StoredFilter, ShowsAttemptsOnlyWhenTheyAreAskedFor) {
  Finding attempt = sample_finding();
  attempt.verdict.cls = Class::unestablished;
  attempt.verdict.reason = Reason::refused;
  EXPECT_FALSE(StoredFilter::of({})->wants(attempt));
  EXPECT_TRUE(StoredFilter::of(with(&FilterOptions::unestablished, true))->wants(attempt));
}

TEST(StoredFilter, RefusesWhatCannotBe) {
  const auto filter = StoredFilter::of(with(&FilterOptions::users, {"nobody-of-that-name"}));
  ASSERT_FALSE(filter.ok());
  EXPECT_EQ(filter.error().code, ExitCode::usage);
  FilterOptions both = with(&FilterOptions::ipv4, true);
  both.ipv6 = true;
  EXPECT_EQ(StoredFilter::of(both).error().code, ExitCode::usage);
}

// What a report over a history refuses, and by what name.
std::string refused(const FilterOptions& options) {
  const auto filter = StoredFilter::of(options);
  EXPECT_TRUE(filter.ok());
  const auto of_rollups = filter->of_rollups();
  return of_rollups.ok() ? "" : of_rollups.error().what;
}

TEST(StoredFilter, RefusesOfCountsWhatTheyDoNotKeep) {
  EXPECT_EQ(refused(with(&FilterOptions::local_ports, {80})),
            "a report over the history cannot answer --local-port: its counts keep the port of the "
            "service, local or remote, and no other");
  EXPECT_EQ(
      refused(with(&FilterOptions::peer_ports, {80})).find("--remote-port") != std::string::npos,
      true);
  EXPECT_EQ(refused(with(&FilterOptions::netns, "inode:4026531840")),
            "a report over the history cannot answer --netns: its counts keep no network "
            "namespace");
}

TEST(StoredFilter, AnswersTheRestOfCounts) {
  const auto of = [](const FilterOptions& options) {
    // The filter of the counts refers to it.
    static std::optional<StoredFilter> filter;
    filter = StoredFilter::of(options).take();
    return filter->of_rollups().take();
  };
  const Finding sample = sample_finding();
  const Task& nginx = sample.closure.process;
  const auto wants = [&](const FilterOptions& options) {
    return of(options).process(nginx, sample.process);
  };
  EXPECT_FALSE(of({}).process);
  EXPECT_FALSE(of({}).verdict);
  EXPECT_FALSE(of({}).ipv4);
  EXPECT_TRUE(wants(with(&FilterOptions::pids, {812})));
  EXPECT_FALSE(wants(with(&FilterOptions::pids, {1})));
  EXPECT_TRUE(wants(with(&FilterOptions::users, {"33"})));
  EXPECT_FALSE(wants(with(&FilterOptions::users, {"34"})));
  EXPECT_TRUE(wants(with(&FilterOptions::comms, {"ng*"})));
  EXPECT_FALSE(wants(with(&FilterOptions::comms, {"curl"})));
  EXPECT_TRUE(wants(with(&FilterOptions::cgroup, "/system.slice")));
  EXPECT_FALSE(wants(with(&FilterOptions::cgroup, "/user.slice")));
  const auto abortive = of(with(&FilterOptions::abortive, true)).verdict;
  EXPECT_TRUE(abortive(Class::abortive, Reason::unread_data));
  EXPECT_FALSE(abortive(Class::graceful, Reason::peer_first));
  EXPECT_TRUE(of(with(&FilterOptions::lost, true)).lost);
  EXPECT_EQ(of(with(&FilterOptions::ipv6, true)).ipv4, std::optional(false));
}

}  // namespace
}  // namespace closewatch
