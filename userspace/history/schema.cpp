// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/schema.h"

#include <fmt/format.h>

#include <array>

namespace closewatch::history {
namespace {

// 1: what is kept.
constexpr const char* kTables = R"sql(
CREATE TABLE boot(
  id INTEGER PRIMARY KEY,
  boot_id TEXT NOT NULL UNIQUE);

CREATE TABLE session(
  id INTEGER PRIMARY KEY,
  boot INTEGER NOT NULL REFERENCES boot(id),
  closewatch_version TEXT NOT NULL,
  tick_ns INTEGER NOT NULL,
  started_ns INTEGER NOT NULL,
  flushed_ns INTEGER NOT NULL,
  stopped_ns INTEGER);

CREATE TABLE process(
  id INTEGER PRIMARY KEY,
  boot INTEGER REFERENCES boot(id),
  pid INTEGER,
  start_boot_ns INTEGER,
  comm TEXT,
  uid INTEGER,
  start_ns INTEGER,
  exe TEXT,
  cgroup TEXT,
  cgroup_id INTEGER,
  container TEXT,
  seen_minute INTEGER NOT NULL,
  UNIQUE(boot, pid, start_boot_ns, comm, uid));
INSERT INTO process(id, comm, seen_minute) VALUES(0, NULL, 0), (1, NULL, 0);

CREATE TABLE closure(
  ended_ns INTEGER NOT NULL,
  cpu INTEGER NOT NULL,
  session INTEGER NOT NULL REFERENCES session(id),
  process INTEGER NOT NULL REFERENCES process(id),
  tid INTEGER,
  role INTEGER NOT NULL,
  actor INTEGER REFERENCES process(id),
  actor_tid INTEGER,
  class TEXT NOT NULL,
  reason TEXT NOT NULL,
  rule TEXT NOT NULL,
  lost INTEGER NOT NULL,
  initiator TEXT,
  closed_by TEXT NOT NULL,
  signal INTEGER,
  linger TEXT NOT NULL,
  blocked_us INTEGER,
  drain_us INTEGER,
  family INTEGER NOT NULL,
  local_address TEXT NOT NULL,
  local_port INTEGER NOT NULL,
  peer_address TEXT NOT NULL,
  peer_port INTEGER NOT NULL,
  port INTEGER NOT NULL,
  netns INTEGER NOT NULL,
  socket_uid INTEGER NOT NULL,
  never_sent INTEGER NOT NULL,
  unacked INTEGER NOT NULL,
  unread INTEGER NOT NULL,
  sent INTEGER,
  received INTEGER,
  state_at_close INTEGER NOT NULL,
  final_state INTEGER NOT NULL,
  shutdown_flags INTEGER NOT NULL,
  born_boot_ns INTEGER,
  close_boot_ns INTEGER,
  end_boot_ns INTEGER NOT NULL,
  close_took_ns INTEGER,
  linger_took_ns INTEGER,
  linger_jiffies INTEGER NOT NULL,
  linger2 INTEGER NOT NULL,
  user_timeout_ms INTEGER NOT NULL,
  send_window INTEGER NOT NULL,
  error INTEGER NOT NULL,
  soft_error INTEGER NOT NULL,
  rst_reason INTEGER,
  rst_reason_name TEXT NOT NULL,
  retransmits INTEGER NOT NULL,
  probes INTEGER NOT NULL,
  facts INTEGER NOT NULL,
  closer INTEGER NOT NULL,
  exit_code INTEGER NOT NULL,
  stack BLOB NOT NULL,
  PRIMARY KEY(ended_ns, cpu)) WITHOUT ROWID;

CREATE TABLE rollup(
  minute INTEGER NOT NULL,
  process INTEGER NOT NULL REFERENCES process(id),
  class TEXT NOT NULL,
  reason TEXT NOT NULL,
  network TEXT NOT NULL,
  port INTEGER NOT NULL,
  closures INTEGER NOT NULL,
  lost_closures INTEGER NOT NULL,
  discarded INTEGER NOT NULL,
  unread INTEGER NOT NULL,
  late_resets INTEGER NOT NULL,
  blocked_us BLOB,
  drain_us BLOB,
  PRIMARY KEY(minute, process, class, reason, network, port)) WITHOUT ROWID;

CREATE TABLE loss(
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  since_ns INTEGER NOT NULL,
  until_ns INTEGER NOT NULL,
  events INTEGER NOT NULL,
  records INTEGER,
  bytes INTEGER,
  note TEXT NOT NULL);
)sql";

// 2: what makes them easier to ask, and a way to the losses of a time.
constexpr const char* kViews = R"sql(
CREATE INDEX loss_since ON loss(since_ns);
CREATE INDEX process_seen ON process(seen_minute);

CREATE VIEW closure_text AS
  SELECT strftime('%Y-%m-%dT%H:%M:%S', c.ended_ns / 1000000000, 'unixepoch') ||
           printf('.%09dZ', c.ended_ns % 1000000000) AS time,
         printf('%016x-%x', c.ended_ns, c.cpu) AS id,
         c.class, c.reason, c.lost, c.initiator, c.closed_by, p.pid, p.comm, p.exe, p.cgroup,
         c.local_address, c.local_port, c.peer_address, c.peer_port,
         c.never_sent + c.unacked AS discarded, c.unread, c.sent, c.received,
         c.blocked_us, c.drain_us
    FROM closure c JOIN process p ON p.id = c.process;

CREATE VIEW rollup_text AS
  SELECT strftime('%Y-%m-%dT%H:%M:00Z', r.minute * 60, 'unixepoch') AS time,
         CASE r.process WHEN 0 THEN '(not told apart)' WHEN 1 THEN '(not known)' ELSE p.comm
         END AS comm,
         p.pid, p.exe, p.cgroup, r.class, r.reason, r.network, r.port,
         r.closures, r.lost_closures, r.discarded, r.unread, r.late_resets
    FROM rollup r JOIN process p ON p.id = r.process;
)sql";

// 3: rollups of a whole hour, for times long past.
constexpr const char* kHours = R"sql(
ALTER TABLE rollup ADD COLUMN minutes INTEGER NOT NULL DEFAULT 1;

DROP VIEW rollup_text;
CREATE VIEW rollup_text AS
  SELECT strftime('%Y-%m-%dT%H:%M:00Z', r.minute * 60, 'unixepoch') AS time, r.minutes,
         CASE r.process WHEN 0 THEN '(not told apart)' WHEN 1 THEN '(not known)' ELSE p.comm
         END AS comm,
         p.pid, p.exe, p.cgroup, r.class, r.reason, r.network, r.port,
         r.closures, r.lost_closures, r.discarded, r.unread, r.late_resets
    FROM rollup r JOIN process p ON p.id = r.process;
)sql";

// 4: a check of the file that is owed by the next start, and a way to the oldest sessions.
constexpr const char* kUnchecked = R"sql(
ALTER TABLE session ADD COLUMN unchecked INTEGER NOT NULL DEFAULT 0;
CREATE INDEX session_stopped ON session(stopped_ns);
)sql";

constexpr std::array kSteps{kTables, kViews, kHours, kUnchecked};
static_assert(kSteps.size() == kSchemaVersion);

Error not_a_history() {
  return {.what = "this SQLite file is no history of closewatch",
          .hint = "name another file; this one is left as it is"};
}

Result<> require_history(Database& database, std::int64_t version) {
  const auto id = database.number("PRAGMA application_id");
  if (!id.ok()) {
    return id.error();
  }
  const auto tables = database.number("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) {
    return tables.error();
  }
  const bool empty = *tables == 0 && version == 0 && *id == 0;
  return empty || *id == kApplicationId ? Result<>() : Result<>(not_a_history());
}

}  // namespace

Result<std::int64_t> migrate(Database& database, std::int64_t version) {
  auto transaction = Transaction::begin(database);
  if (!transaction.ok()) {
    return std::move(transaction).error();
  }
  const auto has = database.number("PRAGMA user_version");
  if (!has.ok()) {
    return has.error();
  }
  if (auto is_history = require_history(database, *has); !is_history.ok()) {
    return std::move(is_history).error();
  }
  if (*has > kSchemaVersion || *has < 0) {
    return Error{.what = fmt::format("the history has schema version {}, this closewatch knows {}",
                                     *has, kSchemaVersion),
                 .hint = "run the newer closewatch that made it, or name another file"};
  }
  for (std::int64_t step = *has; step < version; ++step) {
    auto done = database.run(kSteps.at(static_cast<std::size_t>(step)));
    if (!done.ok()) {
      return std::move(done).error().context(fmt::format("schema version {}", step + 1));
    }
  }
  if (*has < version) {
    auto marked = database.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                           kApplicationId, version));
    if (!marked.ok()) {
      return std::move(marked).error();
    }
  }
  if (auto committed = transaction->commit(); !committed.ok()) {
    return std::move(committed).error();
  }
  return *has;
}

Result<> require_current(Database& database) {
  const auto has = database.number("PRAGMA user_version");
  if (!has.ok()) {
    return has.error();
  }
  if (auto is_history = require_history(database, *has); !is_history.ok()) {
    return is_history;
  }
  if (*has == kSchemaVersion) {
    return {};
  }
  return Error{.what = fmt::format("the history has schema version {}, this closewatch reads {}",
                                   *has, kSchemaVersion),
               .hint = *has > kSchemaVersion
                           ? "read it with the newer closewatch that made it"
                           : "closewatch serve brings it up to date when it starts"};
}

}  // namespace closewatch::history
