// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/server_settings.h"

#include <gtest/gtest.h>

namespace closewatch {
namespace {

constexpr const char* kListenToken = "0123456789abcdef";

// "key: what", of the only problem; empty when there is none.
std::string problem_of(const MetricsServerSettings& settings) {
  const std::vector<SettingProblem> problems = problems_of(settings);
  EXPECT_LE(problems.size(), 1U);
  if (problems.empty()) {
    return {};
  }
  EXPECT_FALSE(problems[0].hint.empty());
  return std::string{problems[0].key} + ": " + problems[0].what;
}

TEST(ServerSettingsTest, TakesTheDefaultsAndNoneAtAll) {
  EXPECT_EQ(problem_of({}), "");
  EXPECT_EQ(problem_of({.listen = {}, .socket_path = ""}), "");
}

TEST(ServerSettingsTest, WantsNumericAddresses) {
  EXPECT_EQ(problem_of({.listen = {"local\nhost:1"}}),
            "listen: \"local\\x0ahost:1\" is no address");
}

TEST(ServerSettingsTest, GoesBeyondLoopbackOnlyWhenToldAndWithAToken) {
  MetricsServerSettings settings{.listen = {"127.0.0.1:1", "0.0.0.0:1"}, .token = kListenToken};
  EXPECT_EQ(problem_of(settings), "listen: 0.0.0.0:1 is not loopback");
  settings.beyond_loopback = true;
  EXPECT_EQ(problem_of(settings), "");
  settings.token.clear();
  EXPECT_EQ(problem_of(settings), "token: 0.0.0.0:1 is not loopback and there is no token");
  settings.listen = {"[::1]:1"};
  EXPECT_EQ(problem_of(settings), "");
}

TEST(ServerSettingsTest, WantsATokenThatCannotBeGuessed) {
  EXPECT_EQ(problem_of({.token = "0123456789abcde"}), "token: it has 15 characters, not 16 to 256");
  EXPECT_EQ(problem_of({.token = std::string(257, 'a')}),
            "token: it has 257 characters, not 16 to 256");
  EXPECT_EQ(problem_of({.token = "0123456789 abcdef"}),
            "token: it holds a blank or a character outside of ASCII");
  EXPECT_EQ(problem_of({.token = "0123456789\xc3\xa9"
                                 "abcdef"}),
            "token: it holds a blank or a character outside of ASCII");
}

TEST(ServerSettingsTest, WantsAPathAndAMode) {
  EXPECT_EQ(problem_of({.socket_path = "metrics.sock"}),
            "socket_path: \"metrics.sock\" is no absolute path");
  EXPECT_EQ(problem_of({.socket_path = "/" + std::string(106, 'a')}), "");
  EXPECT_EQ(problem_of({.socket_path = "/" + std::string(107, 'a')}),
            "socket_path: it has 108 bytes; a unix socket takes 107");
  EXPECT_EQ(problem_of({.socket_mode = 01000}), "socket_mode: 1000 is no file mode");
}

TEST(ServerSettingsTest, BoundsEveryBound) {
  EXPECT_EQ(problem_of({.connections = 0}), "connections: 0 is not from 1 to 1024");
  EXPECT_EQ(problem_of({.connections_per_address = 1025}),
            "connections_per_address: 1025 is not from 1 to 1024");
  EXPECT_EQ(problem_of({.idle_seconds = 0}), "idle_seconds: 0 is not from 1 to 300");
  EXPECT_EQ(problem_of({.overdue_seconds = 0}), "overdue_seconds: 0 is not from 1 to 3600");
  EXPECT_EQ(problem_of({.connection_bytes = 2047}),
            "connection_bytes: 2047 is not from 2048 to 65536");
  EXPECT_EQ(problem_of({.page_age_ms = 60'001}), "page_age_ms: 60001 is not from 0 to 60000");
}

TEST(ServerSettingsTest, BoundsTheLimitsOfSeries) {
  EXPECT_TRUE(problems_of(SeriesLimits{}).empty());
  const std::vector<SettingProblem> problems =
      problems_of(SeriesLimits{.processes = 0, .idle_minutes = 10'081});
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].key, "processes");
  EXPECT_EQ(problems[0].what, "0 is not from 1 to 10000");
  EXPECT_EQ(problems[1].key, "idle_minutes");
  EXPECT_EQ(problems[1].what, "10081 is not from 1 to 10080");
}

TEST(ServerSettingsTest, TellsOfAllProblemsAtOnce) {
  EXPECT_EQ(
      problems_of(MetricsServerSettings{.listen = {"a", "b"}, .token = "short", .connections = 0})
          .size(),
      4U);
}

}  // namespace
}  // namespace closewatch
