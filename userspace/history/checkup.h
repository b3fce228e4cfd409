// SPDX-License-Identifier: Apache-2.0
// Whether a history is whole. That reads all of it: a large one is read by a thread with a
// connection of its own, beside the writer, whose log (WAL) only grows meanwhile: who begins a
// checkup watches that.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "userspace/base/result.h"
#include "userspace/history/database.h"

namespace closewatch::history {

// What is wrong with the file; empty: nothing. An Error: it could not be read to its end.
Result<std::string> damage_in(Database& database);

class Checkup {
 public:
  static Result<std::unique_ptr<Checkup>> begin(const std::string& path);
  Checkup(const Checkup&) = delete;
  Checkup& operator=(const Checkup&) = delete;
  ~Checkup();  // breaks it off

  [[nodiscard]] bool over() const;
  // Once it is over, and once: as damage_in().
  Result<std::string> damage() { return damage_.get(); }

 private:
  explicit Checkup(Database database);

  Database database_;  // of the thread until it is over
  std::future<Result<std::string>> damage_;
};

}  // namespace closewatch::history
