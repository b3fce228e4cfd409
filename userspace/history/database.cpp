// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/database.h"

#include <fmt/format.h>

#include "userspace/render/escape.h"
#include "userspace/render/text_buffer.h"

namespace closewatch::history {
namespace {

// SQLite quotes what is in a file: any bytes, where that came from elsewhere or is damaged.
Error error_of(sqlite3* handle) {
  TextBuffer text;
  append_terminal_text(text, handle != nullptr ? sqlite3_errmsg(handle) : "out of memory",
                       Charset::utf8);
  return {.what = std::string(view_of(text))};
}

// Only for absolute or relative paths, where ? and # would end the name.
std::string uri_of(const std::string& path, std::string_view parameters) {
  std::string uri = "file:";
  for (const char byte : path) {
    if (byte == '%' || byte == '?' || byte == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(byte));
    } else {
      uri += byte;
    }
  }
  return uri.append("?").append(parameters);
}

}  // namespace

Statement& Statement::begin() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  next_parameter_ = 1;
  return *this;
}

Statement& Statement::put_integer(std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), next_parameter_++, value);
  return *this;
}

Statement& Statement::put(std::string_view text) {
  sqlite3_bind_text64(statement_.get(), next_parameter_++,
                      text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::put(std::span<const std::byte> blob) {
  sqlite3_bind_blob64(statement_.get(), next_parameter_++, blob.data(), blob.size(),
                      SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::put_null() {
  sqlite3_bind_null(statement_.get(), next_parameter_++);
  return *this;
}

Result<bool> Statement::step() {
  next_column_ = 0;
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return error_of(sqlite3_db_handle(statement_.get()));
  }
}

Result<> Statement::run() {
  const auto stepped = step();
  if (!stepped.ok()) {
    return stepped.error();
  }
  sqlite3_reset(statement_.get());
  return {};
}

bool Statement::is_null() const {
  return sqlite3_column_type(statement_.get(), next_column_) == SQLITE_NULL;
}

std::int64_t Statement::number() { return sqlite3_column_int64(statement_.get(), next_column_++); }

std::optional<std::int64_t> Statement::optional_number() {
  if (is_null()) {
    ++next_column_;
    return std::nullopt;
  }
  return number();
}

std::string_view Statement::text() {
  const auto bytes = blob();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::string> Statement::optional_text() {
  if (is_null()) {
    ++next_column_;
    return std::nullopt;
  }
  return std::string(text());
}

std::span<const std::byte> Statement::blob() {
  const void* data = sqlite3_column_blob(statement_.get(), next_column_);
  const int size = sqlite3_column_bytes(statement_.get(), next_column_++);
  return {static_cast<const std::byte*>(data),
          data == nullptr ? 0 : static_cast<std::size_t>(size)};
}

Result<Database> Database::open(const std::string& path, Mode mode, int wait_ms) {
  const int common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int flags = mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                        : SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  const std::string name = mode == Mode::write  ? path
                           : mode == Mode::read ? uri_of(path, "mode=ro")
                                                : uri_of(path, "mode=ro&immutable=1");
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, common | flags, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) {
    return error_of(handle);
  }
  sqlite3_busy_timeout(handle, wait_ms);
  // A file that somebody else made can run nothing here.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

Result<> Database::run(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return error_of(handle_.get());
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return error_of(handle_.get());
  }
  return Statement(statement);
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement.ok()) {
    return std::move(statement).error();
  }
  const auto row = statement->step();
  if (!row.ok()) {
    return row.error();
  }
  return *row ? statement->number() : 0;
}

Fault Database::fault() const {
  switch (sqlite3_errcode(handle_.get()) & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return Fault::none;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Fault::locked;
    case SQLITE_FULL:
      return Fault::full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Fault::corrupt;
    default:
      return Fault::other;
  }
}

Result<Transaction> Transaction::begin(Database& database) {
  auto begun = database.run("BEGIN IMMEDIATE");
  if (!begun.ok()) {
    return std::move(begun).error();
  }
  return Transaction(database);
}

Transaction::~Transaction() {
  // Some errors (a full disk) have undone it already.
  if (database_ != nullptr && sqlite3_get_autocommit(database_->handle()) == 0) {
    (void)database_->run("ROLLBACK");
  }
}

Result<> Transaction::commit() {
  auto committed = database_->run("COMMIT");
  if (committed.ok()) {
    database_ = nullptr;
  }
  return committed;
}

}  // namespace closewatch::history
