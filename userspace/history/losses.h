// SPDX-License-Identifier: Apache-2.0
// What the history does not hold, and why: gathered in memory until the next flush, then rows of
// the table `loss`. One row per kind and flush, so that a flood of losses is no flood of rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/history/database.h"

namespace closewatch::history {

enum class LossKind : std::uint8_t {
  ring,       // records that never left the kernel: no closure of them here at all
  queue,      // closures that the writer could not take in time: no row, not in the rollups
  row,        // closures that should have been rows: in the rollups only
  rollup,     // closures that could not be counted
  late_fact,  // amendments of closures that were no longer remembered: not in the rollups
  killed,     // the writer ended without stopping: what it had not flushed; how much is unknown
  clock,      // the wall clock was set: times before and after do not fit together
  set_aside,  // a damaged file was renamed: what it held is no longer here
};
inline constexpr std::size_t kLossKindCount = 8;

std::string_view name_of(LossKind kind);
std::optional<LossKind> loss_kind_named(std::string_view name);

struct Loss {
  LossKind kind = LossKind::ring;
  std::int64_t since_ns = 0;  // CLOCK_REALTIME
  std::int64_t until_ns = 0;
  std::uint64_t events = 1;
  std::optional<std::uint64_t> records = {};  // closures or facts; nullopt: unknown
  std::uint64_t bytes = 0;                    // unread ones of late facts
  std::string note = {};
};

class Losses {
 public:
  void add(const Loss& loss);

  // Within the caller's transaction.
  Result<> write(Database& database) const;
  void written() { waiting_ = {}; }

  [[nodiscard]] bool waiting() const;

 private:
  std::array<std::optional<Loss>, kLossKindCount> waiting_;
};

}  // namespace closewatch::history
