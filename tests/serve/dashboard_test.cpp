// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "tests/serve/full_page.h"
#include "tests/serve/prometheus.h"
#include "tests/storm/await.h"

namespace closewatch::serve {
namespace {

Json dashboard() {
  std::ifstream file(CLOSEWATCH_DASHBOARD);
  return Json::parse(file);
}

// As Grafana does with "All" chosen.
std::string with_variables(std::string expression) {
  const std::pair<std::string_view, std::string_view> variables[] = {
      {"$instance", ".+"}, {"$process", ".+"}, {"$__rate_interval", "1m"}, {"$__range", "5m"}};
  for (const auto& [name, value] : variables) {
    for (std::size_t at = expression.find(name); at != std::string::npos;
         at = expression.find(name)) {
      expression.replace(at, name.size(), value);
    }
  }
  return expression;
}

TEST(Dashboard, GivesNumbersInEveryPanel) {
  ServedMetrics metrics(3);
  metrics->finding(metrics.next("first", Reason::local_first));
  give_everything(metrics, 1);
  const Prometheus prometheus(metrics.address());
  for (std::uint64_t round = 2; round <= 3; ++round) {
    storm::await("a scrape of the round before", [&] {
      return prometheus.value("closewatch_readings_timestamp_seconds") ==
             static_cast<double>(1000 * (round - 1));
    });
    give_everything(metrics, round);
  }
  storm::await("a scrape of the last round",
               [&] { return prometheus.value("closewatch_readings_timestamp_seconds") == 3000; });
  int expressions = 0;
  const Json none = Json::array();
  const Json shown = dashboard();
  for (const Json& panel : shown.at("panels")) {
    for (const Json& target : panel.value("targets", none)) {
      const std::string expression = with_variables(target.at("expr"));
      SCOPED_TRACE(panel.at("title").get<std::string>() + ": " + expression);
      EXPECT_EQ(expression.find('$'), std::string::npos);
      std::vector<Sample> samples;
      ASSERT_NO_THROW(samples = prometheus.query(expression));
      EXPECT_FALSE(samples.empty());
      for (const Sample& sample : samples) {
        EXPECT_TRUE(std::isfinite(sample.value)) << sample.labels;
      }
      ++expressions;
    }
  }
  EXPECT_GE(expressions, 30);
}

TEST(Dashboard, FindsTheValuesOfItsVariables) {
  ServedMetrics metrics;
  give_everything(metrics, 1);
  const Prometheus prometheus(metrics.address());
  storm::await("a scrape", [&] { return prometheus.value("up") == 1; });
  const Json shown = dashboard();
  for (const Json& variable : shown.at("templating").at("list")) {
    const std::string query = variable.at("query").at("query");
    SCOPED_TRACE(query);
    const std::size_t comma = query.rfind(", ");
    ASSERT_TRUE(query.starts_with("label_values(") && query.ends_with(')') &&
                comma != std::string::npos);
    const std::string expression = query.substr(13, comma - 13);
    const std::string label = query.substr(comma + 2, query.size() - comma - 3);
    const std::vector<Sample> samples = prometheus.query(with_variables(expression));
    EXPECT_FALSE(samples.empty());
    for (const Sample& sample : samples) {
      EXPECT_TRUE(sample.labels.contains(label));
    }
  }
}

TEST(Dashboard, LaysOutItsPanelsSideBySide) {
  std::set<int> ids;
  std::map<std::pair<int, int>, std::string> taken;
  for (const Json& panel : dashboard().at("panels")) {
    const std::string title = panel.at("title");
    EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second) << title;
    const Json& place = panel.at("gridPos");
    const int left = place.at("x");
    const int top = place.at("y");
    EXPECT_LE(left + place.at("w").get<int>(), 24) << title;
    for (int x = left; x < left + place.at("w").get<int>(); ++x) {
      for (int y = top; y < top + place.at("h").get<int>(); ++y) {
        EXPECT_TRUE(taken.emplace(std::pair(x, y), title).second)
            << title << " lies on " << taken[std::pair(x, y)];
      }
    }
    if (panel.at("type") != "row") {
      EXPECT_EQ(panel.at("datasource").at("uid"), "${DS_PROMETHEUS}") << title;
      EXPECT_FALSE(panel.at("description").get<std::string>().empty()) << title;
    }
  }
}

}  // namespace
}  // namespace closewatch::serve
