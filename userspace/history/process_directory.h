// SPDX-License-Identifier: Apache-2.0
// The processes that closures name: each has one row in the table `process`, however many closures
// it has, and one value in memory while it is in use: as long as the rollups of its minute hold it,
// or a closure that a late fact may still name. What nobody holds is forgotten once a quarter more
// have come than were held before, 512 at least, and found again in the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/enrich/process_details.h"
#include "userspace/history/database.h"
#include "userspace/record/closure.h"

namespace closewatch::history {

// Rows of the table `process` that are no process.
inline constexpr std::int64_t kNotToldApart = 0;
inline constexpr std::int64_t kNotKnown = 1;

struct Process {
  Task task;
  ProcessDetails details;
  std::int64_t row = 0;              // in the table; 0: not known yet
  std::int64_t written_minute = -1;  // `seen_minute` of that row, as far as is known
};

class ProcessDirectory {
 public:
  // Null for a task that is not known.
  std::shared_ptr<Process> of(const Task& task, const ProcessDetails& details);

  // The row of a process that was seen in `minute` (null: kNotKnown), made when there is none.
  // `boot`: row of the table `boot`. Within a transaction of `database`, always the same one.
  Result<std::int64_t> row_of(Database& database, std::int64_t boot,
                              const std::shared_ptr<Process>& process, std::int64_t minute);

  // How the transaction that the rows were asked in ended.
  void committed();
  void undone();
  // The connection is about to be closed, and another file may follow.
  void forget_rows();

 private:
  struct Identity {
    std::uint64_t start_ns;
    std::uint32_t pid;
    std::uint32_t uid;
    std::array<char, 16> comm;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct IdentityHash {
    std::size_t operator()(const Identity& identity) const;
  };
  Result<> prepare(Database& database);

  std::unordered_map<Identity, std::shared_ptr<Process>, IdentityHash> processes_;
  std::size_t forget_at_ = 0;                      // with so many of them
  std::vector<std::shared_ptr<Process>> touched_;  // in the transaction under way
  std::optional<Statement> insert_;
  std::optional<Statement> seen_;
};

}  // namespace closewatch::history
