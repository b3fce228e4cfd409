// SPDX-License-Identifier: Apache-2.0
// Deletes what is older than the history is to keep, or what makes its file too large, and makes
// hours of the minutes of older rollups, in steps so small that the writer's queue has room for
// what comes meanwhile. The rollups of a time outlive its rows and stay exact without them.
#pragma once

#include <cstdint>
#include <utility>

#include "userspace/base/result.h"
#include "userspace/history/database.h"
#include "userspace/history/settings.h"

namespace closewatch::history {

struct RetentionCounts {
  std::uint64_t closures = 0;  // rows deleted, of each table
  std::uint64_t rollups = 0;
  std::uint64_t processes = 0;
  std::uint64_t losses = 0;
  std::uint64_t sessions = 0;
  std::uint64_t coarsened = 0;  // rollups of a minute that went into those of an hour
};

class Retention {
 public:
  explicit Retention(Settings settings) : settings_(std::move(settings)) {}
  void take_over(const Settings& settings) { settings_ = settings; }

  // One step, a transaction of its own. `by_time` false: the clock cannot be relied upon, only the
  // size counts. True: there is more to do.
  Result<bool> step(Database& database, std::int64_t now_ns, bool by_time);

  [[nodiscard]] const RetentionCounts& counts() const { return counts_; }

 private:
  Result<bool> by_age(Database& database, std::int64_t now_ns);
  Result<bool> by_size(Database& database, std::int64_t now_ns, bool by_time);
  // Delete some rows before `limit_ns`, oldest first. Sessions go with losses.
  Result<bool> closures_before(Database& database, std::int64_t limit_ns);
  Result<bool> rollups_before(Database& database, std::int64_t limit_ns);
  Result<bool> losses_before(Database& database, std::int64_t limit_ns);
  Result<bool> future(Database& database, std::int64_t now_ns);
  Result<bool> coarsen(Database& database, std::int64_t now_ns);
  Result<bool> processes(Database& database);

  Settings settings_;
  RetentionCounts counts_;
  std::int64_t next_hour_ = 0;  // its first minute: those before have no rollups of a minute
};

// Bytes of the file that hold something.
Result<std::uint64_t> bytes_used(Database& database);

}  // namespace closewatch::history
