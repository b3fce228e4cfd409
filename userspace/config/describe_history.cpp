// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "userspace/config/describe_sections.h"

namespace closewatch {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr Fields::Duration kCentury = 36525 * 24h;

// By what key the configuration says what the settings name so.
std::string_view history_key_of(std::string_view setting) {
  return setting == "max_bytes" ? "max_size" : setting == "queue_closures" ? "queue" : setting;
}

std::uint32_t count(Fields& fields, std::string_view key, std::uint32_t otherwise,
                    Range<std::uint64_t> range) {
  return static_cast<std::uint32_t>(fields.number(key, otherwise, range));
}

}  // namespace

void describe_history(Fields& fields, HistorySettings& history) {
  history.enabled = fields.flag("enabled", history.enabled);
  history::Settings& store = history.store;
  store.path = fields.text("path", store.path, kAbsolutePath);
  store.keep_closures = std::chrono::duration_cast<seconds>(
      fields.duration("keep_closures", store.keep_closures, {1min, kCentury}));
  // Rollups outlive what they sum up, also where only the latter is said.
  store.keep_rollups = std::chrono::duration_cast<seconds>(fields.duration(
      "keep_rollups", std::max(store.keep_rollups, store.keep_closures), {1min, kCentury}));
  store.keep_minutes = std::chrono::duration_cast<seconds>(
      fields.duration("keep_minutes", store.keep_minutes, {1min, kCentury}));
  store.max_bytes = fields.size("max_size", store.max_bytes, {1U << 20, 1ULL << 40});
  store.graceful_rows_per_minute =
      count(fields, "graceful_rows_per_minute", store.graceful_rows_per_minute, {0, 10'000'000});
  store.rollup_keys_per_minute =
      count(fields, "rollup_keys_per_minute", store.rollup_keys_per_minute, {100, 1'000'000});
  store.queue_closures = count(fields, "queue", store.queue_closures, {64, 1U << 20});
  store.pending_rows = count(fields, "pending_rows", store.pending_rows, {64, 1U << 20});
  for (const history::Objection& objection : history::objections(store)) {
    fields.refuse(history_key_of(objection.setting), objection.expected + " is expected");
  }
}

}  // namespace closewatch
