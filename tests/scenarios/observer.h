// SPDX-License-Identifier: Apache-2.0
// `closewatch trace` as a subprocess, and what it says: the closures of each network namespace,
// with amendments laid over the records that they name. Reads the contract of design.md section 3.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::scenarios {

using Json = nlohmann::json;

class Observer {
 public:
  // Starts `path` and waits until it watches.
  static Result<Observer> start(const std::string& path, const std::string& hooks);

  Observer(Observer&& other) noexcept;
  Observer& operator=(Observer&&) = delete;
  ~Observer();

  // Readable when there is something to take in.
  [[nodiscard]] int pollable() const { return output_.get(); }
  // Takes in what is there. False at the end of the output.
  bool take_in();
  // Ends closewatch (SIGINT), takes in the rest; its exit code.
  int stop();

  // In order of arrival, amended. `since` is in the form of the key `time`: before, the number may
  // have named another namespace.
  [[nodiscard]] std::vector<Json> closures(std::uint32_t netns, const std::string& since) const;
  // Lines that are no JSON, gaps, amendments to no record: nothing of this may be.
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  [[nodiscard]] const std::string& diagnostics() const { return diagnostics_; }
  // What closewatch said at its end of connections that ended unseen.
  [[nodiscard]] std::size_t unseen() const;

 private:
  Observer() = default;
  void take_line(const std::string& line);

  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd errors_;
  std::string partial_;
  std::string diagnostics_;
  std::vector<Json> records_;
  std::map<std::string, std::size_t> by_id_;
  std::vector<std::string> complaints_;
};

}  // namespace closewatch::scenarios
