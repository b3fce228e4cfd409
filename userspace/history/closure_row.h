// SPDX-License-Identifier: Apache-2.0
// One closure as one row of the table `closure`: everything that a Finding says, so that what is
// read back is the Finding that was written, but for the ids of its stacks and the start of its
// task's threads. One list of columns serves writing and reading.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/history/database.h"
#include "userspace/pipeline/finding.h"

namespace closewatch::history {

// Whether a closure has a row whatever the settings are: it was not plain graceful, or lost bytes.
constexpr bool is_always_kept(Class cls, bool lost) {
  return lost || (cls != Class::graceful && cls != Class::unestablished);
}

// The row's other half: rows of the tables `session` and `process`.
struct RowReferences {
  std::int64_t session = 0;
  std::int64_t process = 0;
  std::optional<std::int64_t> actor = {};
};

// The key of a closure's row, and the name that it makes: "188ff5c3a1b2c3d4-3".
struct RowKey {
  std::int64_t ended_ns = 0;  // CLOCK_REALTIME
  std::uint32_t cpu = 0;
  friend bool operator==(const RowKey&, const RowKey&) = default;
};
std::string closure_name(const RowKey& key);
std::optional<RowKey> closure_named(std::string_view name);

// INSERT of a row that puts nothing where the key is taken (the same capture given twice).
Result<Statement> prepare_insert(Database& database);
Result<> insert_row(Statement& insert, const Finding& finding, const RowReferences& references);

// UPDATE of a row by what came late.
Result<Statement> prepare_amend(Database& database);
// `process`: row of the amendment's process, when it names one.
Result<> amend_row(Statement& amend, const RowKey& key, const Correction& correction,
                   std::optional<std::int64_t> process);

// The columns for a SELECT of closures, in the order that ClosureReader takes them.
std::string closure_columns();

// Names that Finding and Verdict only refer to; they live as long as this.
class Names {
 public:
  std::string_view keep(std::string_view name) { return *names_.emplace(name).first; }

 private:
  std::set<std::string, std::less<>> names_;
};

// Takes the columns of the current row; processes are left to the caller. Text in the file that is
// no name of ours reads as unknown or none.
RowReferences take_row(Statement& row, Finding& finding, Names& names);

}  // namespace closewatch::history
