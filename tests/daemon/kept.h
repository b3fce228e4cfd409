// SPDX-License-Identifier: Apache-2.0
// What the daemon's history holds, asked with SQL as people do.
#pragma once

#include <cstdint>
#include <string>

namespace closewatch::daemon_test {

// The first value that a query gives, as text; empty where there is nothing yet.
std::string ask_text(const std::string& file, const std::string& query);
// The same as a number; 0 where there is nothing yet.
std::uint64_t ask(const std::string& file, const std::string& query);

// Runs `sql` over a file that nobody has open.
void change(const std::string& file, const std::string& sql);

inline constexpr const char* kCounted = "SELECT sum(closures) FROM rollup";

}  // namespace closewatch::daemon_test
