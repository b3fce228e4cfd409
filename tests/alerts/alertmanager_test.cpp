// SPDX-License-Identifier: Apache-2.0
// From records to Alertmanager and on to its receiver, all real but the kernel.
#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/alerts/daemon.h"
#include "tests/data/example_record.h"
#include "tests/data/fake_server.h"
#include "tests/data/raw_record.h"
#include "userspace/alert/delivery.h"
#include "userspace/alert/engine.h"
#include "userspace/alert/feed.h"
#include "userspace/alert/receivers.h"
#include "userspace/base/clock.h"
#include "userspace/pipeline/pipeline.h"
#include "userspace/render/time_text.h"

namespace closewatch::alert {
namespace {

using closewatch::testing::answers;
using closewatch::testing::Daemon;
using closewatch::testing::example_closure;
using closewatch::testing::FakeServer;
using closewatch::testing::kOk;
using closewatch::testing::Scratch;
using nlohmann::json;
using std::chrono::minutes;
using ::testing::HasSubstr;

std::size_t append_answer(char* bytes, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(bytes, size * count);
  return size * count;
}

json get(const std::string& url) {
  std::string answer;
  CURL* const curl = ::curl_easy_init();
  ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl, CURLOPT_PROXY, "");
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &append_answer);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, static_cast<void*>(&answer));
  const CURLcode code = ::curl_easy_perform(curl);
  ::curl_easy_cleanup(curl);
  return json::parse(code == CURLE_OK ? answer : ::curl_easy_strerror(code), nullptr, false);
}

std::string rfc3339_ms(std::int64_t unix_ns) {
  TextBuffer out;
  append_rfc3339(out, unix_ns, 3);
  return std::string(view_of(out));
}

// An Alertmanager that passes everything on to a receiver of the test.
class AlertmanagerTest : public ::testing::Test {
 protected:
  AlertmanagerTest() : receiver_(answers(std::string(kOk))) {
    std::ofstream(scratch_.path("alertmanager.yml"))
        << "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s}\n"
           "receivers: [{name: hook, webhook_configs: [{send_resolved: true, url: '"
        << receiver_.url() << "'}]}]\n";
    alertmanager_ = std::make_unique<Daemon>(std::vector<std::string>{
        "prometheus-alertmanager", "--config.file=" + scratch_.path("alertmanager.yml"),
        "--storage.path=" + scratch_.path("data"),
        "--cluster.listen-address=", "--web.listen-address=127.0.0.1:0"});
    url_ = "http://" + alertmanager_->await("msg=\"Listening on\" address=");
  }

  // Takes records through the pipeline to the engine and its delivery, until finish().
  void start(std::vector<Rule> rules) {
    const Settings settings{.rules = std::move(rules),
                            .built_in = false,
                            .log = false,
                            .alertmanagers = {{.url = url_}},
                            .instance = "host.example"};
    ASSERT_TRUE(check(settings).empty());
    auto notifiers = make_notifiers(settings, {-1, false});
    ASSERT_TRUE(notifiers.ok());
    delivery_ = std::move(Delivery::start(std::move(notifiers).take(), settings.queue)).take();
    engine_ = std::make_unique<Engine>(
        EngineSettings{.rules = effective_rules(settings), .tick_ns = 4'000'000},
        std::vector<Receiver*>{delivery_.get()});
    feed_ = std::make_unique<Feed>(*engine_, [this] { return unix_now_ns(); });
    pipeline_ = std::make_unique<Pipeline>(SourceContext{offset_, 4'000'000, {}}, Selection{},
                                           enricher_, std::vector<Sink*>{feed_.get()});
  }
  // nginx closed with 300 bytes unread and 5000 unacknowledged; returns when.
  std::int64_t close_now(std::uint32_t n, std::string_view comm = "nginx") {
    Closure closure = example_closure(n);
    closure.id.end_ns = closure.end_ns = boot_now_ns();
    closure.born_ns = closure.end_ns - 900;
    closure.close_ns = closure.end_ns - 100;
    closure.process.comm_bytes = {};
    std::copy(comm.begin(), comm.end(), closure.process.comm_bytes.begin());
    pipeline_->record(closewatch::testing::encode(closure));
    pipeline_->batch_end(boot_now_ns());
    return static_cast<std::int64_t>(closure.end_ns) + offset_;
  }
  DeliveryCounts finish() {
    delivery_->stop(minutes(1));
    return delivery_->counts().at(0);
  }

  json alerts() { return get(url_ + "/api/v2/alerts"); }
  // The n-th thing that Alertmanager told its receiver.
  json passed_on(std::size_t n) {
    receiver_.await(n + 1);
    const std::string request = receiver_.requests().at(n);
    return json::parse(request.substr(request.find("\r\n\r\n") + 4), nullptr, false);
  }
  [[nodiscard]] std::int64_t unix_now_ns() const {
    return static_cast<std::int64_t>(boot_now_ns()) + offset_;
  }

  FakeServer receiver_;
  Scratch scratch_;
  std::unique_ptr<Daemon> alertmanager_;
  std::string url_;
  std::int64_t offset_ = boot_to_unix_ns();
  PlainEnricher enricher_{offset_};
  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<Pipeline> pipeline_;
};

Rule lossy_closes(double threshold) {
  return {.name = "lossy_closes",
          .summary = "Connections lose data",
          .severity = Severity::critical,
          .match = {.selection = {.comms = {"ngin*"}, .lost_only = true}},
          .threshold = threshold};
}

TEST_F(AlertmanagerTest, HasExactlyTheAlertThatWasRaised) {
  start({lossy_closes(3)});
  close_now(1);
  close_now(2);
  close_now(3, "curl");
  const std::int64_t fired_ns = close_now(4);
  const json passed = passed_on(0);
  const json all = alerts();
  ASSERT_EQ(all.size(), 1) << all;
  const json& alert = all[0];
  const json labels{{"alertname", "lossy_closes"},
                    {"severity", "critical"},
                    {"service", "closewatch"},
                    {"instance", "host.example"},
                    {"process", "nginx"}};
  EXPECT_EQ(alert["labels"], labels);
  EXPECT_EQ(alert["startsAt"], rfc3339_ms(fired_ns));
  EXPECT_EQ(alert["endsAt"], rfc3339_ms(fired_ns + 240'000'000'000));
  EXPECT_EQ(alert["status"]["state"], "active");
  const json& annotations = alert["annotations"];
  EXPECT_EQ(annotations["summary"], "Connections lose data");
  EXPECT_EQ(annotations["description"],
            "firing: lossy_closes: process nginx: 3 closures within 5m, 15900 bytes lost "
            "(threshold 3)");
  EXPECT_THAT(annotations["explanation"].get<std::string>(), HasSubstr("300 bytes"));
  EXPECT_FALSE(annotations["advice"].get<std::string>().empty());
  std::istringstream lines(annotations["evidence"].get<std::string>());
  std::vector<std::string> who;
  for (std::string line; std::getline(lines, line);) {
    const json closure = json::parse(line);
    EXPECT_EQ(closure["bytes"]["unread"], 300);
    who.push_back(closure["process"]["comm"].get<std::string>() + " " +
                  std::to_string(closure["process"]["pid"].get<int>()));
  }
  EXPECT_THAT(who, ::testing::ElementsAre("nginx 1004", "nginx 1002", "nginx 1001"));

  // Its receiver heard of it, and nothing else.
  EXPECT_EQ(passed["status"], "firing");
  ASSERT_EQ(passed["alerts"].size(), 1);
  EXPECT_EQ(passed["alerts"][0]["labels"], labels);
  EXPECT_EQ(passed["alerts"][0]["annotations"], annotations);
  const DeliveryCounts counts = finish();
  EXPECT_EQ(counts.offered, 1);
  EXPECT_EQ(counts.delivered, 1);
  EXPECT_EQ(counts.attempts, 1);
}

TEST_F(AlertmanagerTest, ForgetsItWhenItIsResolved) {
  start({lossy_closes(1)});
  close_now(1);
  const json fired = passed_on(0);
  ASSERT_EQ(alerts().size(), 1);
  engine_->advance(unix_now_ns());
  engine_->reload({.rules = {}}, {delivery_.get()});  // the rule is gone, and so is its alert
  EXPECT_EQ(finish().delivered, 2);
  const json resolved = passed_on(1);
  EXPECT_EQ(resolved["status"], "resolved");
  EXPECT_EQ(resolved["alerts"][0]["labels"], fired["alerts"][0]["labels"]);
  EXPECT_EQ(resolved["alerts"][0]["startsAt"], fired["alerts"][0]["startsAt"]);
  EXPECT_EQ(alerts(), json::array());
}

TEST_F(AlertmanagerTest, AnAlertThatGoesOnIsStillTheSameAlert) {
  start({lossy_closes(1)});
  const std::int64_t fired_ns = close_now(1);
  passed_on(0);
  engine_->advance(fired_ns + 120'000'000'000);  // repeated twice
  EXPECT_EQ(finish().delivered, 3);
  const json all = alerts();
  ASSERT_EQ(all.size(), 1);
  EXPECT_EQ(all[0]["startsAt"], rfc3339_ms(fired_ns));
  EXPECT_EQ(all[0]["endsAt"], rfc3339_ms(fired_ns + 360'000'000'000));
}

TEST_F(AlertmanagerTest, TakesAHostileProcessName) {
  start({lossy_closes(1)});
  close_now(1, "nginx\n\x1b[1m\xff\"}\\");
  EXPECT_EQ(finish().delivered, 1);
  const json all = alerts();
  ASSERT_EQ(all.size(), 1) << all;
  EXPECT_EQ(all[0]["labels"]["process"],
            "nginx\n\x1b[1m\xef\xbf\xbd"
            "ff\"}\\");
}

}  // namespace
}  // namespace closewatch::alert
