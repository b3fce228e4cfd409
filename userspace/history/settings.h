// SPDX-License-Identifier: Apache-2.0
// What an operator can set of the history: plain data, filled from the configuration of the daemon.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace closewatch::history {

inline constexpr const char* kDefaultPath = "/var/lib/closewatch/history.db";

// Of one that waits, on average: a few hundred, the texts of its processes, and its stack.
inline constexpr std::size_t kBytesWaiting = 1024;

struct Settings {
  std::string path = kDefaultPath;  // the directory must exist and be writable

  // Older ones are deleted. Rollups are kept at least as long as rows.
  std::chrono::seconds keep_closures = std::chrono::hours{24 * 7};
  std::chrono::seconds keep_rollups = std::chrono::hours{24 * 400};
  // Rollups older than this are no longer kept by minute but by hour.
  std::chrono::seconds keep_minutes = std::chrono::hours{24};
  // The file is kept below this many bytes: oldest rows go first, then oldest rollups. SQLite
  // refuses what would take it beyond one and a quarter of it.
  std::uint64_t max_bytes = std::uint64_t{2} << 30;

  // Rows for graceful closures that lost nothing; all of them are in the rollups anyway.
  std::uint32_t graceful_rows_per_minute = 600;
  // Different combinations of process, class, reason, peer network and port in one minute. Beyond
  // it networks and ports are not told apart, beyond twice as many processes are not either.
  std::uint32_t rollup_keys_per_minute = 10'000;

  // What may wait in memory: closures on their way to the writer's thread, and rows that could not
  // be written yet. Beyond that many, or kBytesWaiting times as many bytes, they are refused, and
  // counted.
  std::uint32_t queue_closures = 32'768;
  std::uint32_t pending_rows = 32'768;

  friend bool operator==(const Settings&, const Settings&) = default;
};

// What is wrong with a setting, so that the reader of a configuration can say where.
struct Objection {
  std::string setting;  // the name of the member
  std::string expected;
};

// Empty when all is well.
std::vector<Objection> objections(const Settings& settings);

}  // namespace closewatch::history
