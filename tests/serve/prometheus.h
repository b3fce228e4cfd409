// SPDX-License-Identifier: Apache-2.0
// A real Prometheus on loopback that scrapes one address five times a second. Its process and its
// folder are gone with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/storm/child.h"

namespace closewatch::serve {

using Json = nlohmann::json;

// One element of an instant vector.
struct Sample {
  Json labels;
  double value = 0;
};

// What Prometheus does with what it scrapes, five times a second as well.
struct Alerting {
  std::string rules;         // the file with them
  std::string alertmanager;  // its address
};

class Prometheus {
 public:
  // `address` as in 127.0.0.1:10177. Throws when Prometheus does not become ready.
  explicit Prometheus(const std::string& address, const std::optional<Alerting>& alerting = {});
  Prometheus(const Prometheus&) = delete;
  Prometheus& operator=(const Prometheus&) = delete;
  ~Prometheus();

  // Throws with Prometheus' own words when it refuses the expression.
  [[nodiscard]] std::vector<Sample> query(const std::string& expression) const;
  // The value of an expression that gives exactly one; NaN else.
  [[nodiscard]] double value(const std::string& expression) const;
  [[nodiscard]] Json get(const std::string& path) const;

 private:
  // False when it ended at once: somebody else had the port by then.
  bool start();
  void run() const;

  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  std::optional<storm::Child> process_;
};

}  // namespace closewatch::serve
