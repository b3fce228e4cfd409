// SPDX-License-Identifier: Apache-2.0
// One connection to one SQLite file, and statements on it: errors as Result, memory and handles
// owned. Knows nothing of what is stored. A connection is used by one thread at a time.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "userspace/base/result.h"

namespace closewatch::history {

// Why the last call on a connection failed, as far as it makes a difference to what is done next.
enum class Fault : std::uint8_t {
  none,
  locked,   // another connection writes; passes by itself
  full,     // no room: the disk, or PRAGMA max_page_count
  corrupt,  // damaged, or no database at all
  other,    // I/O, permissions
};

// A prepared statement. Parameters are put and columns taken in their order.
class Statement {
 public:
  // Begins a new execution: no parameters, no rows.
  Statement& begin();

  template <std::integral Number>
  Statement& put(Number value) {
    return put_integer(static_cast<std::int64_t>(value));
  }
  Statement& put(std::string_view text);  // bytes as they are; copied
  Statement& put(std::span<const std::byte> blob);
  template <typename Value>
  Statement& put(const std::optional<Value>& value) {
    return value ? put(*value) : put_null();
  }
  Statement& put_null();

  // True: a row is there to be taken. False: the statement is over.
  Result<bool> step();
  // Runs a statement that gives no rows.
  Result<> run();

  [[nodiscard]] bool is_null() const;
  // The next column; 0 and empty for NULL. Texts and blobs are good until the next step().
  std::int64_t number();
  std::optional<std::int64_t> optional_number();
  std::string_view text();
  std::optional<std::string> optional_text();
  std::span<const std::byte> blob();

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Statement& put_integer(std::int64_t value);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_parameter_ = 1;
  int next_column_ = 0;
};

class Database {
 public:
  enum class Mode : std::uint8_t {
    write,      // creates the file
    read,       // the file must exist; locks and sees what a writer in another process commits
    immutable,  // reads a file that nobody writes and whose directory is not writable
  };

  // `wait_ms`: how long a call waits for the lock of another connection.
  static Result<Database> open(const std::string& path, Mode mode, int wait_ms);

  // One or several statements without parameters and without rows.
  Result<> run(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  // The first column of the first row of a query, for example a PRAGMA; 0 when there is none.
  Result<std::int64_t> number(std::string_view sql);

  [[nodiscard]] std::int64_t rows_changed() const { return sqlite3_changes64(handle_.get()); }
  // Of the last call that failed on this connection; Fault::none when the last call did not.
  [[nodiscard]] Fault fault() const;
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}

  std::unique_ptr<sqlite3, Close> handle_;
};

// A transaction that is undone unless it is committed.
class Transaction {
 public:
  // Takes the write lock.
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace closewatch::history
