// SPDX-License-Identifier: Apache-2.0
// SQL that makes a history one whose writer did not stop, and so large that it is checked beside
// observation.
#pragma once

#include <string>

namespace closewatch::testing {

inline constexpr const char* kNotStopped = "UPDATE session SET stopped_ns = NULL;";

// 70 MB in one value, found whole in a moment.
inline constexpr const char* kLarge =
    "CREATE TABLE large(bytes); INSERT INTO large VALUES(zeroblob(70000000));";

// Rows of 20 KB of which each takes 17 ms and more to check: SQLite looks for 20,000 letters at
// each of 80,000 places. It can be broken off between rows. (A connection that only reads knows no
// CHECK, and a column that is made while rows are written would take its time then: so it comes
// last.)
inline std::string slow_to_check(unsigned rows) {
  return "CREATE TABLE slow(needle TEXT);"
         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
         std::to_string(rows) +
         ")"
         "INSERT INTO slow SELECT replace(hex(zeroblob(10000)), '0', 'a') || 'b' FROM n;"
         "PRAGMA writable_schema = 1;"
         "UPDATE sqlite_schema SET sql = 'CREATE TABLE slow(needle TEXT, found INT NOT NULL AS"
         " (instr(replace(hex(zeroblob(50000)), ''0'', ''a''), needle)))' WHERE name = 'slow';"
         "PRAGMA writable_schema = 0;";
}

// 70 MB whose check takes a minute and more.
inline const std::string kSlowToCheck = slow_to_check(3500);

// What takes the time is gone; the file is as large.
inline constexpr const char* kSlowNoMore = "DROP TABLE slow;";

}  // namespace closewatch::testing
