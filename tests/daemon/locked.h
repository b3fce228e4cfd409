// SPDX-License-Identifier: Apache-2.0
// Nobody else can write the history for as long as this lives.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace closewatch::daemon_test {

class Locked {
 public:
  explicit Locked(const std::string& file) {
    sqlite3_open(file.c_str(), &database_);
    sqlite3_busy_timeout(database_, 10'000);
    EXPECT_EQ(sqlite3_exec(database_, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { sqlite3_close(database_); }

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace closewatch::daemon_test
