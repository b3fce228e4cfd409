// SPDX-License-Identifier: Apache-2.0
// From a close to somebody's pager, all of it real: connections, kernel, daemon, Debian's
// Prometheus with the rules that closewatch ships, Debian's Alertmanager, and a receiver.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/alerts/daemon.h"
#include "tests/daemon/page.h"
#include "tests/daemon/served.h"
#include "tests/data/fake_server.h"
#include "tests/serve/prometheus.h"
#include "tests/storm/connection.h"
#include "tests/storm/load.h"
#include "tests/storm/network.h"

namespace closewatch::daemon_test {
namespace {

using closewatch::testing::FakeServer;
using serve::Json;
using ::testing::StartsWith;

class chain : public Served {
 protected:
  chain() { watchdog_us_ = "300000"; }  // it looks every 100 ms

  // The first alert of this name that the receiver was told of.
  Json await_alert(const FakeServer& receiver, const std::string& name) {
    Json found;
    await(name.c_str(), [&] {
      for (const std::string& request : receiver.requests()) {
        const Json told = Json::parse(request.substr(request.find("\r\n\r\n") + 4), nullptr, false);
        for (const Json& alert : told.is_object() ? told.at("alerts") : Json::array()) {
          if (alert.at("labels").at("alertname") == name) {
            found = alert;
            return true;
          }
        }
      }
      return false;
    });
    return found;
  }
};

TEST_F(chain, the_shipped_rules_tell_of_real_closes) {
  const Apart apart;
  const FakeServer receiver(closewatch::testing::answers(std::string(closewatch::testing::kOk)));
  std::ofstream(path("alertmanager.yml"))
      << "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s}\n"
         "receivers: [{name: hook, webhook_configs: [{url: '"
      << receiver.url() << "'}]}]\n";
  closewatch::testing::Daemon alertmanager(
      {"prometheus-alertmanager", "--config.file=" + path("alertmanager.yml"),
       "--storage.path=" + path("alertmanager"),
       "--cluster.listen-address=", "--web.listen-address=127.0.0.1:0"});
  const std::string alertmanager_address = alertmanager.await("msg=\"Listening on\" address=");

  configure("[metrics]\nlisten = [\"127.0.0.1:10177\"]\nsocket_path = \"" + socket_path() + "\"\n");
  start();
  const storm::DriverResult made = apart.inside([] {
    return storm::run_load({.drivers = 1, .connections = 7, .mix{0, 0, 1}}).all();
  });
  // All are there before the first scrape, so that the first alert speaks of all.
  await("waiting for the metrics",
        [&] { return sum_of(page(), "closewatch_closures_total") == 2 * made.connections(); });
  const serve::Prometheus prometheus(
      "127.0.0.1:10177", serve::Alerting{CLOSEWATCH_PROMETHEUS_RULES, alertmanager_address});
  const Json loses = await_alert(receiver, "ClosewatchLosesData");
  EXPECT_EQ(loses.at("status"), "firing");
  EXPECT_EQ(loses.at("labels").at("process"), "closewatch_daem");  // 15 bytes of this test's name
  EXPECT_EQ(loses.at("labels").at("instance"), "127.0.0.1:10177");
  EXPECT_EQ(loses.at("labels").at("severity"), "warning");
  EXPECT_THAT(loses.at("annotations").at("description").get<std::string>(),
              StartsWith("7 connections of closewatch_daem on 127.0.0.1:10177 ended"));

  // A rise from one scrape to the next.
  apart.inside([] {
    const UniqueFd client = storm::open_socket();
    const storm::Listener closed_early;
    closed_early.reach(client.get(), storm::kLoopback);
    return true;
  });
  const Json listener = await_alert(receiver, "ClosewatchListenerClosed");
  EXPECT_EQ(listener.at("labels").at("reason"), "listener_closed");
  EXPECT_EQ(stop(), 0) << daemon().errors();
}

}  // namespace
}  // namespace closewatch::daemon_test
