// SPDX-License-Identifier: Apache-2.0
#include "tests/daemon/kept.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace closewatch::daemon_test {

std::string ask_text(const std::string& file, const std::string& query) {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::string text;
  if (sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK &&
      sqlite3_busy_timeout(database, 10'000) == SQLITE_OK &&
      sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    if (const unsigned char* const value = sqlite3_column_text(statement, 0); value != nullptr) {
      text = reinterpret_cast<const char*>(value);
    }
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return text;
}

std::uint64_t ask(const std::string& file, const std::string& query) {
  const std::string text = ask_text(file, query);
  return text.empty() ? 0 : std::stoull(text);
}

void change(const std::string& file, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

}  // namespace closewatch::daemon_test
