// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/http_post.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/fake_server.h"

namespace closewatch::alert {
namespace {

using closewatch::testing::answers;
using closewatch::testing::FakeServer;
using closewatch::testing::hangs_after;
using closewatch::testing::kOk;
using closewatch::testing::never_ends;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class HttpPostTest : public ::testing::Test {
 protected:
  Attempt post(const FakeServer& server, milliseconds timeout = minutes(1)) {
    return post(HttpSettings{.url = server.url(), .timeout = timeout});
  }
  Attempt post(const HttpSettings& http) {
    auto made = HttpPost::create(http, http.url);
    return made.ok() ? (*made)->post(R"({"a":1})", *halt_) : Attempt::failed(made.error().what);
  }

  Result<Halt> halt_ = Halt::create();
};

TEST_F(HttpPostTest, PostsJson) {
  const FakeServer server(answers(std::string(kOk)));
  const HttpSettings http{.url = server.url("/a/b?c"), .token = "s3cret"};
  EXPECT_EQ(post(http).outcome, Outcome::delivered);
  ASSERT_EQ(server.requests().size(), 1);
  const std::string request = server.requests()[0];
  EXPECT_THAT(request, ::testing::StartsWith("POST /a/b?c HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer s3cret\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("Expect")));
  EXPECT_THAT(request, ::testing::EndsWith("\r\n\r\n{\"a\":1}"));
}

TEST_F(HttpPostTest, OneAfterTheOther) {
  const FakeServer server(answers(std::string(kOk)));
  auto made = HttpPost::create({.url = server.url()}, server.url());
  EXPECT_EQ((*made)->post("1", *halt_).outcome, Outcome::delivered);
  EXPECT_EQ((*made)->post("22", *halt_).outcome, Outcome::delivered);
  ASSERT_EQ(server.requests().size(), 2);
  EXPECT_THAT(server.requests()[0], ::testing::EndsWith("\r\n\r\n1"));
  EXPECT_THAT(server.requests()[1], ::testing::EndsWith("\r\n\r\n22"));
}

struct Judged {
  const char* status;
  Outcome outcome;
};

TEST_F(HttpPostTest, JudgesByTheStatus) {
  for (const Judged& row : {Judged{"200 OK", Outcome::delivered},
                            {"204 No Content", Outcome::delivered},
                            {"299 Fine", Outcome::delivered},
                            {"400 Bad Request", Outcome::failed},
                            {"404 Not Found", Outcome::failed},
                            {"408 Request Timeout", Outcome::again},
                            {"429 Too Many Requests", Outcome::again},
                            {"500 Internal Server Error", Outcome::again},
                            {"503 Service Unavailable", Outcome::again}}) {
    const FakeServer server(
        answers(std::string("HTTP/1.1 ") + row.status + "\r\nContent-Length: 0\r\n\r\n"));
    const Attempt attempt = post(server);
    EXPECT_EQ(attempt.outcome, row.outcome) << row.status;
    if (row.outcome != Outcome::delivered) {
      EXPECT_EQ(attempt.error, "HTTP status " + std::string(row.status).substr(0, 3));
    }
  }
}

TEST_F(HttpPostTest, FollowsNoRedirect) {
  const FakeServer target(answers(std::string(kOk)));
  const FakeServer server(
      answers("HTTP/1.1 302 Found\r\nLocation: " + target.url() + "\r\nContent-Length: 0\r\n\r\n"));
  const Attempt attempt = post(server);
  EXPECT_EQ(attempt.outcome, Outcome::failed);
  EXPECT_EQ(attempt.error, "HTTP status 302: redirects are not followed");
  EXPECT_EQ(target.requests().size(), 0);
}

TEST_F(HttpPostTest, AReceiverThatNeverAnswersIsLeft) {
  const FakeServer server(hangs_after(""));
  const Attempt attempt = post(server, milliseconds(100));
  EXPECT_EQ(attempt.outcome, Outcome::again);
  EXPECT_THAT(attempt.error, HasSubstr("timed out"));
}

TEST_F(HttpPostTest, AReceiverThatClosesBeforeItAnswers) {
  for (const char* said : {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le"}) {
    const FakeServer server(answers(said));
    EXPECT_EQ(post(server).outcome, Outcome::again) << said;
  }
}

TEST_F(HttpPostTest, AReceiverThatAnswersGarbage) {
  for (const char* said : {"\x16\x03\x01\x02", "SSH-2.0-OpenSSH\r\n", "<html>\r\n\r\n",
                           "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 0 OK\r\n\r\n"}) {
    const FakeServer server(answers(said));
    EXPECT_EQ(post(server).outcome, Outcome::again) << said;
  }
}

TEST_F(HttpPostTest, AnEndlessBodyIsCutAndTheStatusCounts) {
  const std::string noise(1000, 'x');
  const FakeServer good(never_ends("HTTP/1.1 200 OK\r\n\r\n", noise));
  EXPECT_EQ(post(good).outcome, Outcome::delivered);
  const FakeServer bad(never_ends("HTTP/1.1 500 No\r\n\r\n", noise));
  EXPECT_EQ(post(bad).outcome, Outcome::again);
}

TEST_F(HttpPostTest, EndlessHeadersAreCut) {
  const FakeServer server(
      never_ends("HTTP/1.1 200 OK\r\n", "X-Noise: " + std::string(1000, 'x') + "\r\n"));
  EXPECT_EQ(post(server).outcome, Outcome::again);
}

TEST_F(HttpPostTest, AGoodStatusWithoutTheRestOfTheAnswerCounts) {
  const FakeServer closes(answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"));
  EXPECT_EQ(post(closes).outcome, Outcome::delivered);
  const FakeServer hangs(hangs_after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"));
  EXPECT_EQ(post(hangs, milliseconds(100)).outcome, Outcome::delivered);
}

TEST_F(HttpPostTest, NobodyThere) {
  std::string url;
  {
    const FakeServer server(answers(""));
    url = server.url();
  }
  EXPECT_EQ(post(HttpSettings{.url = url}).outcome, Outcome::again);
}

TEST_F(HttpPostTest, IsHaltedAtOnce) {
  const FakeServer server([this](int connection) {
    halt_->raise();
    hangs_after("")(connection);
  });
  EXPECT_EQ(post(server, minutes(1)).outcome, Outcome::halted);
}

TEST_F(HttpPostTest, TakesNoProxyFromTheEnvironment) {
  const FakeServer proxy(answers("HTTP/1.1 500 No\r\n\r\n"));
  const FakeServer server(answers(std::string(kOk)));
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  EXPECT_EQ(post(server).outcome, Outcome::delivered);
  ::unsetenv("http_proxy");
  EXPECT_EQ(proxy.requests().size(), 0);
}

TEST(HttpPost, TellsTheOriginAndNoSecretPath) {
  EXPECT_EQ(HttpPost::origin_of("https://hooks.example.com:8443/services/T0/B0/secret?x=1"),
            "https://hooks.example.com:8443");
  EXPECT_EQ(HttpPost::origin_of("http://host"), "http://host");
}

}  // namespace
}  // namespace closewatch::alert
