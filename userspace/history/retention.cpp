// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "userspace/history/losses.h"
#include "userspace/history/rollup.h"

namespace closewatch::history {
namespace {

constexpr std::int64_t kRowsPerStep = 2000;
constexpr std::int64_t kPagesPerStep = 512;
constexpr std::int64_t kPagesKept = 256;
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kHourNs = 3600 * kSecondNs;
constexpr std::int64_t kDayNs = 24 * kHourNs;

// When the file is too large: what goes first. Recent rows are worth more than old rollups, old
// rows less than either.
struct Sacrifice {
  bool rows;
  std::int64_t older_than_ns;
};
constexpr std::array kSacrifices{
    Sacrifice{true, kDayNs},  Sacrifice{false, 30 * kDayNs},
    Sacrifice{true, kHourNs}, Sacrifice{false, kDayNs},
    Sacrifice{true, 0},       Sacrifice{false, 0},
};

// A minute, or an hour, has as many rollups as it likes: steps go by their whole key.
constexpr std::string_view kRollupKey = "minute, process, class, reason, network, port";

// How many rows a statement changed.
Result<std::int64_t> changed_by(Database& database, const std::string& sql) {
  auto done = database.run(sql);
  if (!done.ok()) {
    return std::move(done).error();
  }
  return database.rows_changed();
}

// As many of those `chosen` as one step takes.
Result<std::int64_t> delete_rollups(Database& database, const std::string& chosen) {
  return changed_by(
      database, fmt::format("DELETE FROM rollup WHERE ({0}) IN (SELECT {0} FROM rollup WHERE {1}"
                            " LIMIT {2})",
                            kRollupKey, chosen, kRowsPerStep));
}

}  // namespace

Result<std::uint64_t> bytes_used(Database& database) {
  std::array<std::int64_t, 3> values{};
  constexpr std::array kPragmas{"PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size"};
  for (std::size_t index = 0; index < values.size(); ++index) {
    const auto value = database.number(kPragmas.at(index));
    if (!value.ok()) {
      return value.error();
    }
    values.at(index) = *value;
  }
  return static_cast<std::uint64_t>((values[0] - values[1]) * values[2]);
}

Result<bool> Retention::step(Database& database, std::int64_t now_ns, bool by_time) {
  if (by_time) {
    auto old = by_age(database, now_ns);
    if (!old.ok() || *old) {
      return old;
    }
    auto coarser = coarsen(database, now_ns);
    if (!coarser.ok() || *coarser) {
      return coarser;
    }
  }
  auto large = by_size(database, now_ns, by_time);
  if (!large.ok() || *large) {
    return large;
  }
  if (auto unused = processes(database); !unused.ok() || *unused) {
    return unused;
  }
  const auto pages = database.number("PRAGMA page_count");
  const auto free = database.number("PRAGMA freelist_count");
  if (!pages.ok() || !free.ok()) {
    return pages.ok() ? free.error() : pages.error();
  }
  // Some free pages are as good as new ones.
  if (*free < std::max(kPagesKept, *pages / 8)) {
    return false;
  }
  auto given_back = database.run(fmt::format("PRAGMA incremental_vacuum({})", kPagesPerStep));
  return given_back.ok() ? Result<bool>(true) : Result<bool>(std::move(given_back).error());
}

Result<bool> Retention::by_age(Database& database, std::int64_t now_ns) {
  const auto before = [now_ns](std::chrono::seconds kept) {
    return now_ns - kept.count() * kSecondNs;
  };
  auto rows = closures_before(database, before(settings_.keep_closures));
  if (!rows.ok() || *rows) {
    return rows;
  }
  const std::int64_t limit = before(settings_.keep_rollups);
  auto rollups = rollups_before(database, limit);
  if (!rollups.ok() || *rollups) {
    return rollups;
  }
  return losses_before(database, limit);
}

Result<bool> Retention::by_size(Database& database, std::int64_t now_ns, bool by_time) {
  const auto used = bytes_used(database);
  if (!used.ok()) {
    return used.error();
  }
  if (*used <= settings_.max_bytes) {
    return false;
  }
  if (by_time) {
    if (auto ahead = future(database, now_ns); !ahead.ok() || *ahead) {
      return ahead;
    }
  }
  for (const Sacrifice& sacrifice : kSacrifices) {
    const std::int64_t limit = sacrifice.older_than_ns > 0
                                   ? now_ns - sacrifice.older_than_ns
                                   : std::numeric_limits<std::int64_t>::max();
    auto gone = sacrifice.rows ? closures_before(database, limit) : rollups_before(database, limit);
    if (gone.ok() && !*gone && !sacrifice.rows) {
      gone = losses_before(database, limit);  // of times of which nothing else is left
    }
    if (!gone.ok() || *gone) {
      return gone;
    }
  }
  return false;
}

Result<bool> Retention::closures_before(Database& database, std::int64_t limit_ns) {
  const auto rows = changed_by(
      database,
      // One bound: of two, SQLite searches by one alone and looks at all that is within it.
      fmt::format("DELETE FROM closure WHERE ended_ns <= min({0}, coalesce("
                  "(SELECT ended_ns FROM closure ORDER BY ended_ns LIMIT 1 OFFSET {1}), {0}))",
                  limit_ns - 1, kRowsPerStep - 1));
  if (!rows.ok()) {
    return rows.error();
  }
  counts_.closures += static_cast<std::uint64_t>(*rows);
  return *rows > 0;
}

Result<bool> Retention::rollups_before(Database& database, std::int64_t limit_ns) {
  // The first condition is looked at once: mostly the oldest is not old enough.
  const auto rows = delete_rollups(
      database, fmt::format("(SELECT minute + minutes FROM rollup ORDER BY minute LIMIT 1) <= {0}"
                            " AND minute < {0} AND minute + minutes <= {0} ORDER BY minute",
                            minute_of(limit_ns)));
  if (!rows.ok()) {
    return rows.error();
  }
  counts_.rollups += static_cast<std::uint64_t>(*rows);
  return *rows > 0;
}

Result<bool> Retention::losses_before(Database& database, std::int64_t limit_ns) {
  const auto losses = changed_by(
      database, fmt::format("DELETE FROM loss WHERE id IN (SELECT id FROM loss WHERE since_ns < {0}"
                            " AND until_ns < {0} ORDER BY since_ns LIMIT {1})",
                            limit_ns, kRowsPerStep));
  if (!losses.ok()) {
    return losses.error();
  }
  const auto sessions = changed_by(
      database, fmt::format("DELETE FROM session WHERE id IN (SELECT id FROM session WHERE"
                            " stopped_ns < {} ORDER BY stopped_ns LIMIT {})",
                            limit_ns, kRowsPerStep));
  if (!sessions.ok()) {
    return sessions.error();
  }
  counts_.losses += static_cast<std::uint64_t>(*losses);
  counts_.sessions += static_cast<std::uint64_t>(*sessions);
  return *losses + *sessions > 0;
}

// Takes rollups of minutes and adds them to those of their hour: sums stay what they are at
// every moment. Rollups of the first minute of an hour are where those of the hour go.
Result<bool> Retention::coarsen(Database& database, std::int64_t now_ns) {
  const std::int64_t limit =
      hour_of(minute_of(now_ns - settings_.keep_minutes.count() * kSecondNs));
  auto next = database.prepare(
      "SELECT minute FROM rollup WHERE minute > ? AND minute < ? ORDER BY minute LIMIT 1");
  if (!next.ok()) {
    return std::move(next).error();
  }
  // From hour to hour by what is there: a file may begin with any.
  for (bool found = false; !found;) {
    const auto any = next->begin().put(next_hour_ - 1).put(limit).step();
    if (!any.ok()) {
      return any.error();
    }
    if (!*any) {
      return false;
    }
    next_hour_ = hour_of(next->number());
    const auto fine = next->begin().put(next_hour_).put(next_hour_ + kMinutesPerHour).step();
    if (!fine.ok()) {
      return fine.error();
    }
    found = *fine;
    next_hour_ += found ? 0 : kMinutesPerHour;
  }
  next->begin();
  const std::string of_the_hour = fmt::format("FROM rollup WHERE minute > {} AND minute < {}",
                                              next_hour_, next_hour_ + kMinutesPerHour);
  const std::string of_some =
      fmt::format("{} ORDER BY {} LIMIT {}", of_the_hour, kRollupKey, kRowsPerStep);
  auto transaction = Transaction::begin(database);
  if (!transaction.ok()) {
    return std::move(transaction).error();
  }
  auto moved = changed_by(
      database,
      fmt::format("INSERT INTO rollup SELECT {}, process, class, reason, network, port, closures,"
                  " lost_closures, discarded, unread, late_resets, blocked_us, drain_us, {} {}",
                  next_hour_, kMinutesPerHour, of_some) +
          std::string(kAddToRollup) + ", minutes = excluded.minutes");
  if (!moved.ok()) {
    return moved.error();
  }
  const auto gone = changed_by(database, fmt::format("DELETE {0} AND ({1}) IN (SELECT {1} {2})",
                                                     of_the_hour, kRollupKey, of_some));
  if (!gone.ok()) {
    return gone.error();
  }
  if (auto committed = transaction->commit(); !committed.ok()) {
    return std::move(committed).error();
  }
  counts_.coarsened += static_cast<std::uint64_t>(*gone);
  return true;
}

// From a time when the clock was ahead: they would outlive everything.
Result<bool> Retention::future(Database& database, std::int64_t now_ns) {
  const std::int64_t limit = now_ns + kDayNs;
  const auto rows = changed_by(
      database, fmt::format("DELETE FROM closure WHERE ended_ns >= max({0}, coalesce("
                            "(SELECT ended_ns FROM closure ORDER BY ended_ns DESC LIMIT 1"
                            " OFFSET {1}), {0}))",
                            limit + 1, kRowsPerStep - 1));
  if (!rows.ok()) {
    return rows.error();
  }
  const auto rollups =
      delete_rollups(database, fmt::format("minute > {} ORDER BY minute DESC", minute_of(limit)));
  if (!rollups.ok()) {
    return rollups.error();
  }
  counts_.closures += static_cast<std::uint64_t>(*rows);
  counts_.rollups += static_cast<std::uint64_t>(*rollups);
  return *rows + *rollups > 0;
}

// Not seen since the oldest rollup and the oldest row.
Result<bool> Retention::processes(Database& database) {
  const auto rows = changed_by(
      database,
      fmt::format("DELETE FROM process WHERE id IN (SELECT id FROM process WHERE id > 1"
                  " AND seen_minute < coalesce((SELECT min(minute) FROM rollup), {0})"
                  " AND seen_minute < coalesce((SELECT min(ended_ns) FROM closure) / {1}, {0})"
                  " LIMIT {2})",
                  std::numeric_limits<std::int64_t>::max(), kMinuteNs, kRowsPerStep));
  if (!rows.ok()) {
    return rows.error();
  }
  counts_.processes += static_cast<std::uint64_t>(*rows);
  return *rows > 0;
}

}  // namespace closewatch::history
