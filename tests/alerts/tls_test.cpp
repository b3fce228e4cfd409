// SPDX-License-Identifier: Apache-2.0
// Webhooks behind TLS: openssl s_server with certificates made for the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/alerts/daemon.h"
#include "userspace/alert/delivery.h"
#include "userspace/alert/http_post.h"
#include "userspace/alert/webhook_notifier.h"

namespace closewatch::alert {
namespace {

using closewatch::testing::Daemon;
using closewatch::testing::Scratch;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  // A key, and a certificate for `name` that has signed itself.
  void make_certificate(const std::string& name) {
    Daemon openssl({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", scratch_.path("key"), "-out",
                    scratch_.path("certificate"), "-days", "2", "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=" + name});
    ASSERT_TRUE(openssl.ended());
  }
  // A server that answers whatever it is sent with 200.
  std::unique_ptr<Daemon> serve(const std::vector<std::string>& options = {},
                                const std::string& address = "127.0.0.1:0") {
    std::vector<std::string> arguments{
        "openssl", "s_server",           "-accept", address,
        "-key",    scratch_.path("key"), "-cert",   scratch_.path("certificate")};
    arguments.insert(arguments.end(), options.begin(), options.end());
    auto server = std::make_unique<Daemon>(arguments);
    const std::string chosen = server->await("ACCEPT");  // a port that it was given is not told
    address_ = chosen.empty() ? address : chosen.substr(1);
    url_ = "https://" + address_ + "/hook";
    server->write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return server;
  }
  DeliveryCounts tell(const std::string& ca_file) {
    auto notifier = WebhookNotifier::create({.url = url_,
                                             .ca_file = ca_file,
                                             .timeout = seconds(30),
                                             .attempts = 2,
                                             .back_off = milliseconds(10)});
    std::vector<std::unique_ptr<Notifier>> notifiers;
    notifiers.push_back(std::move(notifier).take());
    const auto delivery = std::move(Delivery::start(std::move(notifiers), 10)).take();
    delivery->receive(
        std::make_shared<const Notification>(Notification{.rule = {.name = "told_over_tls"}}));
    delivery->stop(minutes(1));
    return delivery->counts().at(0);
  }
  void expect_refused(const DeliveryCounts& counts, const char* error) {
    EXPECT_EQ(counts.delivered, 0);
    EXPECT_EQ(counts.failed, 1);
    EXPECT_EQ(counts.attempts, 1);  // no other attempt makes a certificate better
    EXPECT_THAT(counts.last_error, HasSubstr(error));
  }

  Scratch scratch_;
  std::string address_;
  std::string url_;
};

TEST_F(TlsTest, AGoodCertificateIsAccepted) {
  make_certificate("IP:127.0.0.1");
  const auto server = serve();
  const DeliveryCounts counts = tell(scratch_.path("certificate"));
  EXPECT_EQ(counts.delivered, 1) << counts.last_error;
  EXPECT_THAT(server->await("\"rule\":"), HasSubstr("told_over_tls"));
}

TEST_F(TlsTest, ACertificateThatNobodyVouchesForIsRefused) {
  make_certificate("IP:127.0.0.1");
  const auto server = serve();
  expect_refused(tell(""), "certificate");
}

TEST_F(TlsTest, ACertificateOfAnotherHostIsRefused) {
  make_certificate("DNS:other.example");
  const auto server = serve();
  expect_refused(tell(scratch_.path("certificate")), "127.0.0.1");
}

TEST_F(TlsTest, AnAuthorityThatIsNotThereTrustsNobody) {
  make_certificate("IP:127.0.0.1");
  const auto server = serve();
  expect_refused(tell(scratch_.path("none")), "certificate");
}

// By the next connection, without a reload: the file is what is trusted, not what it once was.
TEST_F(TlsTest, AnAuthorityThatIsReplacedIsTrusted) {
  make_certificate("IP:127.0.0.1");
  auto server = serve();
  const auto halt = Halt::create();
  const auto post = HttpPost::create(
      {.url = url_, .ca_file = scratch_.path("certificate"), .timeout = seconds(30)}, url_);
  ASSERT_TRUE(halt.ok() && post.ok());
  EXPECT_EQ((*post)->post("{}", *halt).outcome, Outcome::delivered);
  server.reset();
  make_certificate("IP:127.0.0.1");
  server = serve({}, address_);
  // The connection that was kept may be found broken first.
  Attempt attempt = (*post)->post("{}", *halt);
  if (attempt.outcome == Outcome::again) {
    attempt = (*post)->post("{}", *halt);
  }
  EXPECT_EQ(attempt.outcome, Outcome::delivered) << attempt.error;
}

TEST_F(TlsTest, AnOldProtocolIsRefused) {
  make_certificate("IP:127.0.0.1");
  const auto server = serve({"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"});
  const DeliveryCounts counts = tell(scratch_.path("certificate"));
  EXPECT_EQ(counts.delivered, 0);
  EXPECT_EQ(counts.failed, 1);
  EXPECT_THAT(counts.last_error, HasSubstr("protocol version"));
}

}  // namespace
}  // namespace closewatch::alert
