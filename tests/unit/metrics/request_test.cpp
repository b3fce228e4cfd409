// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/request.h"

#include <gtest/gtest.h>

#include <string>

namespace closewatch {
namespace {

constexpr std::string_view kRequestToken = "0123456789abcdef";

Answer answer(std::string_view method, std::string_view path, std::string_view token = "",
              std::string_view authorization = "") {
  return answer_to({method, path, path.size(), authorization}, token);
}

TEST(RequestTest, GivesThePageAndTheHealthToReaders) {
  EXPECT_EQ(answer("GET", "/metrics"), Answer::page);
  EXPECT_EQ(answer("HEAD", "/metrics"), Answer::page);
  EXPECT_EQ(answer("GET", "/healthz"), Answer::health);
  EXPECT_EQ(answer("HEAD", "/healthz"), Answer::health);
}

TEST(RequestTest, KnowsNoOtherPath) {
  for (const std::string_view path : {"", "/", "/metrics/", "/Metrics", "//metrics", "/healthz/..",
                                      "/metrics\n", "*", "http://127.0.0.1/metrics"}) {
    EXPECT_EQ(answer("GET", path), Answer::not_found) << path;
  }
}

TEST(RequestTest, KnowsNoOtherMethod) {
  for (const std::string_view method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""}) {
    EXPECT_EQ(answer(method, "/metrics"), Answer::method_not_allowed) << method;
    EXPECT_EQ(answer(method, "/nothing"), Answer::method_not_allowed) << method;
  }
}

TEST(RequestTest, RefusesALongTargetWhateverItIs) {
  EXPECT_EQ(answer_to({"GET", "/metrics", kLongestTarget, ""}, ""), Answer::page);
  EXPECT_EQ(answer_to({"GET", "/metrics", kLongestTarget + 1, ""}, ""), Answer::target_too_long);
  EXPECT_EQ(answer_to({"POST", "/", 5000, ""}, ""), Answer::target_too_long);
}

TEST(RequestTest, AsksForTheTokenOfThePageAlone) {
  EXPECT_EQ(answer("GET", "/metrics", kRequestToken), Answer::unauthorized);
  EXPECT_EQ(answer("GET", "/metrics", kRequestToken, "Bearer 0123456789abcdef"), Answer::page);
  EXPECT_EQ(answer("GET", "/metrics", kRequestToken, "bEARER 0123456789abcdef"), Answer::page);
  EXPECT_EQ(answer("GET", "/healthz", kRequestToken), Answer::health);
  EXPECT_EQ(answer("GET", "/nothing", kRequestToken), Answer::not_found);
}

TEST(RequestTest, TakesNoOtherToken) {
  for (const std::string_view authorization :
       {"Bearer ", "Bearer", "Bearer 0123456789abcdeg", "Bearer 0123456789abcde",
        "Bearer 0123456789abcdef ", "Bearer 0123456789abcdef0123456789abcdef",
        "Bearer  0123456789abcdef", "Basic 0123456789abcdef", "0123456789abcdef",
        "Bearer\t0123456789abcdef", "Bearer 1123456789abcdef"}) {
    EXPECT_EQ(answer("GET", "/metrics", kRequestToken, authorization), Answer::unauthorized)
        << authorization;
  }
}

TEST(RequestTest, TakesNothingForAnEmptySecret) {
  EXPECT_FALSE(is_secret("", ""));
  EXPECT_FALSE(is_secret("", "secret"));
  EXPECT_TRUE(is_secret("secret", "secret"));
  EXPECT_FALSE(is_secret(std::string(512, 's'), "s"));
}

}  // namespace
}  // namespace closewatch
