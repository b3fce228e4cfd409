// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "userspace/history/checkup.h"
#include "userspace/history/histogram_blob.h"
#include "userspace/history/schema.h"

namespace closewatch::history {
namespace {

constexpr int kWriterWaitMs =
    50;  // for the lock of another connection; the queue has room for longer
constexpr mode_t kFileMode = 0640;
// A larger file is not read whole before observation begins, but beside it (checkup.h).
constexpr std::int64_t kCheckedBytes = 64 << 20;

Error cannot_open(const std::string& path, int error) {
  std::string hint;
  if (error == ELOOP) {
    hint = "a history is not written through a symbolic link: name the file itself";
  } else if (error == ENOENT) {
    hint = "make the directory first; it must be writable for closewatch";
  } else if (error == EACCES || error == EPERM || error == EROFS) {
    hint = "the file and its directory must be writable for closewatch";
  }
  return {.what = fmt::format("cannot open {}: {}", path, ::strerrordesc_np(error)), .hint = hint};
}

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Fault fault_of(int error) {
  return error == ENOSPC || error == EDQUOT ? Fault::full : Fault::other;
}

// Held as long as the descriptor is open. SQLite's own locks only last for a transaction.
Result<UniqueFd> lock(const std::string& path, Fault& fault) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd.valid()) {
    fault = fault_of(errno);
    return cannot_open(path, errno);
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{.what = path + " is held: another closewatch writes this history",
                 .hint = "stop the other one, or give this one a history file of its own"};
  }
  return fd;
}

// So that SQLite finds a file of our mode, and not a link. Before there is a connection: closing a
// descriptor takes away the POSIX locks that the process has on the file.
Result<> make_file(const std::string& path, Fault& fault) {
  const UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, kFileMode));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    fault = fault_of(errno);
    return cannot_open(path, errno);
  }
  return S_ISREG(status.st_mode) ? Result<>() : Result<>(cannot_open(path, EINVAL));
}

Result<Database> connect(const Settings& settings, Fault& fault) {
  auto database = Database::open(settings.path, Database::Mode::write, kWriterWaitMs);
  if (!database.ok()) {
    fault = Fault::other;
    return database;
  }
  auto prepared = database->run(
      "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
      "PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY; PRAGMA cache_size = "
      "-8192");
  if (prepared.ok()) {
    prepared = add_histogram_function(*database);
  }
  if (prepared.ok()) {
    prepared = limit_size(*database, settings.max_bytes);
  }
  if (!prepared.ok()) {
    fault = database->fault();
    return std::move(prepared).error();
  }
  return database;
}

// The last flush of a writer that did not stop.
Result<std::optional<std::int64_t>> killed(Database& database) {
  const auto has = database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'session'");
  if (!has.ok()) {
    return has.error();
  }
  if (*has == 0) {
    return std::optional<std::int64_t>();
  }
  auto last = database.prepare(
      "SELECT flushed_ns FROM session WHERE stopped_ns IS NULL ORDER BY id DESC LIMIT 1");
  if (!last.ok()) {
    return std::move(last).error();
  }
  const auto row = last->step();
  if (!row.ok()) {
    return row.error();
  }
  return *row ? last->optional_number() : std::nullopt;
}

// Whether a start before this one owed the file a check, and did not finish it.
Result<bool> owes_check(Database& database) {
  const auto knows =
      database.number("SELECT count(*) FROM pragma_table_info('session') WHERE name = 'unchecked'");
  if (!knows.ok() || *knows == 0) {
    return knows.ok() ? Result<bool>(false) : Result<bool>(knows.error());
  }
  const auto owed = database.number("SELECT unchecked FROM session ORDER BY id DESC LIMIT 1");
  return owed.ok() ? Result<bool>(*owed != 0) : Result<bool>(owed.error());
}

Result<std::int64_t> row_of_boot(Database& database, const Source& source) {
  auto insert = database.prepare(
      "INSERT INTO boot(boot_id) VALUES(?)"
      " ON CONFLICT DO UPDATE SET boot_id = excluded.boot_id RETURNING id");
  if (!insert.ok()) {
    return std::move(insert).error();
  }
  const auto row = insert->begin().put(std::string_view(source.boot_id)).step();
  if (!row.ok()) {
    return row.error();
  }
  return insert->number();
}

// What the opening found is told to readers too.
Losses losses_of(const Opening& opening, std::int64_t now_ns) {
  Losses losses;
  if (opening.killed_ns) {
    losses.add({.kind = LossKind::killed,
                .since_ns = *opening.killed_ns,
                .until_ns = now_ns,
                .note = "the writer ended without stopping"});
  }
  if (opening.set_aside) {
    losses.add({.kind = LossKind::set_aside,
                .since_ns = now_ns,
                .until_ns = now_ns,
                .note = *opening.set_aside + ": " + opening.damage});
  }
  return losses;
}

// The row of a new session, within a transaction.
Result<std::int64_t> insert_session(Store& store, const Source& source, std::int64_t now_ns) {
  auto insert = store.database.prepare(
      "INSERT INTO session(boot, closewatch_version, tick_ns, started_ns, flushed_ns, unchecked)"
      " VALUES(?,?,?,?,?,?)");
  if (!insert.ok()) {
    return std::move(insert).error();
  }
  insert->begin().put(store.boot).put(std::string_view(source.closewatch_version));
  insert->put(source.tick_ns).put(now_ns).put(now_ns).put(store.unchecked ? 1 : 0);
  if (auto begun = insert->run(); !begun.ok()) {
    return std::move(begun).error();
  }
  return sqlite3_last_insert_rowid(store.database.handle());
}

Result<> begin_session(Store& store, const Source& source, std::int64_t now_ns) {
  Database& database = store.database;
  auto transaction = Transaction::begin(database);
  if (!transaction.ok()) {
    return std::move(transaction).error();
  }
  const auto boot = row_of_boot(database, source);
  if (!boot.ok()) {
    return boot.error();
  }
  store.boot = *boot;
  // What is left of those before has been told once.
  auto ended = database.run("UPDATE session SET stopped_ns = flushed_ns WHERE stopped_ns IS NULL");
  if (!ended.ok()) {
    return ended;
  }
  const auto session = insert_session(store, source, now_ns);
  if (!session.ok()) {
    return session.error();
  }
  store.session = *session;
  if (auto told = losses_of(store.opening, now_ns).write(database); !told.ok()) {
    return told;
  }
  return transaction->commit();
}

// Connects, checks and migrates. `opening` learns what was found; its `damage` is set, and no error
// given, when the file is damaged.
Result<std::optional<Database>> connect_sound(const Settings& settings, Opening& opening,
                                              Fault& fault) {
  auto database = connect(settings, fault);
  const auto damaged_by = [&](const Error& error) -> Result<std::optional<Database>> {
    if (fault != Fault::corrupt) {
      return error;
    }
    opening.damage = error.what;
    return std::optional<Database>();
  };
  if (!database.ok()) {
    return damaged_by(database.error());
  }
  const auto unclean = killed(*database);
  if (!unclean.ok()) {
    fault = database->fault();
    return damaged_by(unclean.error());
  }
  const auto owed = owes_check(*database);
  if (!owed.ok()) {
    fault = database->fault();
    return damaged_by(owed.error());
  }
  opening.killed_ns = *unclean;
  const bool check = *unclean || *owed;
  if (check) {
    const auto bytes = database->number(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
    opening.unchecked = bytes.ok() && *bytes > kCheckedBytes;
  }
  if (check && !opening.unchecked) {
    auto damage = damage_in(*database);
    if (!damage.ok()) {
      fault = database->fault();
      return damaged_by(damage.error());
    }
    if (!damage->empty()) {
      opening.damage = std::move(damage).take();
      return std::optional<Database>();
    }
  }
  const auto had = migrate(*database);
  if (!had.ok()) {
    fault = database->fault();
    return damaged_by(had.error());
  }
  opening.had_version = *had;
  return std::optional{std::move(database).take()};
}

Result<> set_aside(const std::string& path, std::int64_t now_ns, Opening& opening) {
  std::string name = fmt::format("{}.damaged-{}", path, now_ns / 1'000'000'000);
  for (int more = 1; is_there(name); ++more) {
    name = fmt::format("{}.damaged-{}-{}", path, now_ns / 1'000'000'000, more);
  }
  if (::rename(path.c_str(), name.c_str()) != 0) {
    return Error{.what = fmt::format("{} is damaged ({}) and cannot be renamed: {}", path,
                                     opening.damage, ::strerrordesc_np(errno)),
                 .hint = "move it away by hand"};
  }
  // What belongs to it, so that it can still be repaired; it need not be there.
  for (const char* part : {"-wal", "-shm"}) {
    (void)::rename((path + part).c_str(), (name + part).c_str());
  }
  opening.set_aside = std::move(name);
  return {};
}

Error is_damaged(const std::string& path, const std::string& damage) {
  return {.what = path + " is damaged, or no history: " + damage,
          .hint =
              "closewatch never wrote here before, so it leaves the file alone: move it away, "
              "or name another one"};
}

}  // namespace

Result<Store> open_store(const Settings& settings, const Source& source, std::int64_t now_ns,
                         const std::optional<std::string>& damaged, Fault& fault) {
  fault = Fault::none;
  const std::string lock_path = settings.path + ".lock";
  const bool ours = is_there(lock_path);
  auto held = lock(lock_path, fault);
  if (!held.ok()) {
    return std::move(held).error();
  }
  Opening opening;
  std::optional<Database> database;
  if (damaged) {
    opening.damage = *damaged;
  }
  for (int attempt = 0; !database; ++attempt) {
    if (!opening.damage.empty()) {
      if (!ours || attempt > 1) {
        return is_damaged(settings.path, opening.damage);
      }
      if (auto renamed = set_aside(settings.path, now_ns, opening); !renamed.ok()) {
        return std::move(renamed).error();
      }
    }
    if (auto made = make_file(settings.path, fault); !made.ok()) {
      return std::move(made).error();
    }
    Opening found;
    auto connected = connect_sound(settings, found, fault);
    if (!connected.ok()) {
      return std::move(connected).error().context(settings.path);
    }
    database = std::move(connected).take();
    opening.had_version = found.had_version;
    opening.killed_ns = found.killed_ns ? found.killed_ns : opening.killed_ns;
    opening.unchecked = found.unchecked;
    opening.damage = found.damage.empty() ? opening.damage : found.damage;
  }
  Store store{.lock = std::move(held).take(),
              .database = std::move(*database),
              .opening = std::move(opening)};
  store.unchecked = store.opening.unchecked;
  if (auto begun = begin_session(store, source, now_ns); !begun.ok()) {
    fault = store.database.fault();
    return std::move(begun).error().context(settings.path);
  }
  return store;
}

namespace {

Result<> mark(Store& store, std::string_view sql, std::int64_t now_ns) {
  auto update = store.database.prepare(sql);
  if (!update.ok()) {
    return std::move(update).error();
  }
  return update->begin().put(now_ns).put(store.session).run();
}

}  // namespace

Result<> next_session(Store& store, const Source& source, std::int64_t now_ns) {
  auto transaction = Transaction::begin(store.database);
  if (!transaction.ok()) {
    return std::move(transaction).error();
  }
  if (auto stopped = mark_stopped(store, now_ns); !stopped.ok()) {
    return stopped;
  }
  const auto session = insert_session(store, source, now_ns);
  if (!session.ok()) {
    return session.error();
  }
  if (auto committed = transaction->commit(); !committed.ok()) {
    return committed;
  }
  store.session = *session;
  return {};
}

Result<> limit_size(Database& database, std::uint64_t max_bytes) {
  const auto page = database.number("PRAGMA page_size");
  if (!page.ok()) {
    return page.error();
  }
  const std::uint64_t pages = max_bytes / 4 * 5 / static_cast<std::uint64_t>(*page);
  return database.run(fmt::format("PRAGMA max_page_count = {}", pages));
}

Result<> mark_flushed(Store& store, std::int64_t now_ns) {
  return mark(store, "UPDATE session SET flushed_ns = ? WHERE id = ?", now_ns);
}

Result<> mark_stopped(Store& store, std::int64_t now_ns) {
  return mark(store, "UPDATE session SET flushed_ns = ?1, stopped_ns = ?1 WHERE id = ?2", now_ns);
}

Result<> mark_checked(Store& store) {
  return store.database.run(
      fmt::format("UPDATE session SET unchecked = 0 WHERE id = {}", store.session));
}

std::uint64_t log_bytes(const std::string& path) {
  struct stat status {};
  return ::stat((path + "-wal").c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size)
                                                       : 0;
}

}  // namespace closewatch::history
