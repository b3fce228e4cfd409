// SPDX-License-Identifier: Apache-2.0
// The tables of a history file, as steps from one version to the next; README.md describes them for
// people with their own SQL. The version is PRAGMA user_version; a step is never changed once it
// was released.
#pragma once

#include <cstdint>

#include "userspace/base/result.h"
#include "userspace/history/database.h"

namespace closewatch::history {

inline constexpr std::int64_t kSchemaVersion = 4;
inline constexpr std::int64_t kApplicationId = 0x43574842;  // "CWHB", told by file(1)

// Takes an empty file or one of an older version to `version`, all steps in one transaction.
// Returns the version it had, 0 for an empty file. A file of a newer version, or that is no history
// at all, is left alone: an Error with a hint.
Result<std::int64_t> migrate(Database& database, std::int64_t version = kSchemaVersion);

// For a reader, which cannot migrate: an Error with a hint unless the version is kSchemaVersion.
Result<> require_current(Database& database);

}  // namespace closewatch::history
