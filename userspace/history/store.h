// SPDX-License-Identifier: Apache-2.0
// The file of a history, opened to be written: made when it is not there, checked when the last
// writer did not stop, brought to the current schema; by one writer at a time. A damaged file is
// renamed, never deleted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"
#include "userspace/history/database.h"
#include "userspace/history/losses.h"
#include "userspace/history/settings.h"

namespace closewatch::history {

// What the observing host says of itself; the same for all closures of one writer.
struct Source {
  std::string boot_id;             // /proc/sys/kernel/random/boot_id: pids start anew with it
  std::string closewatch_version;  // "0.1.0"
  std::uint64_t tick_ns = 0;       // length of a jiffy; 0 not known
};

// What was found on opening.
struct Opening {
  std::int64_t had_version = 0;           // of the schema; 0: a new file
  std::optional<std::int64_t> killed_ns;  // a writer did not stop: its last flush, CLOCK_REALTIME
  std::optional<std::string> set_aside;   // the name that a damaged file got
  std::string damage;                     // what was wrong with it
  bool unchecked = false;  // not read whole since a kill, and too large for that to be done at once
};

struct Store {
  UniqueFd lock;
  Database database;
  std::int64_t boot = 0;     // row of the table `boot`
  std::int64_t session = 0;  // row of the table `session`
  bool unchecked = false;    // what that row says: a check is owed, be it by the next start
  Opening opening;
};

// `damaged`: what is already known to be wrong with the file. What goes wrong is an Error with a
// hint; `fault` tells those that pass by themselves.
Result<Store> open_store(const Settings& settings, const Source& source, std::int64_t now_ns,
                         const std::optional<std::string>& damaged, Fault& fault);

// Ends the session and begins another, with other settings. On an error nothing has changed.
Result<> next_session(Store& store, const Source& source, std::int64_t now_ns);

// SQLite refuses what would take the file beyond one and a quarter of `max_bytes`.
Result<> limit_size(Database& database, std::uint64_t max_bytes);

// Marks the session as flushed, or as stopped, at that time; within a transaction or alone.
Result<> mark_flushed(Store& store, std::int64_t now_ns);
Result<> mark_stopped(Store& store, std::int64_t now_ns);

// The file was read whole: no check is owed any more. Within a transaction; `store` is told after.
Result<> mark_checked(Store& store);

// Bytes of the write-ahead log beside the file; 0: there is none.
std::uint64_t log_bytes(const std::string& path);

}  // namespace closewatch::history
