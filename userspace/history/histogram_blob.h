// SPDX-License-Identifier: Apache-2.0
// A histogram (report/histogram.h) as the bytes that a rollup keeps, and its sum in SQL. The form,
// all numbers LEB128: the largest value, then for each bucket that is not empty its distance to the
// one before (the first: to 0) and its count.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/history/database.h"
#include "userspace/report/histogram.h"

namespace closewatch::history {

// Empty for an empty histogram.
std::vector<std::byte> encode(const Histogram& histogram);

// Any bytes: nullopt unless encode() could have made them.
std::optional<Histogram> decode(std::span<const std::byte> bytes);

// Gives the connection the SQL function histogram_add(a, b): the merge of two blobs, either of
// which may be NULL. What cannot be read counts as NULL.
Result<> add_histogram_function(Database& database);

}  // namespace closewatch::history
