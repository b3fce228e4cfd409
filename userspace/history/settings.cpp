// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/settings.h"

#include <fmt/format.h>

namespace closewatch::history {
namespace {

class Checks {
 public:
  void expect(bool holds, const char* setting, std::string expected) {
    if (!holds) {
      objections_.push_back({setting, std::move(expected)});
    }
  }
  template <typename Number>
  void within(Number value, Number least, Number most, const char* setting) {
    expect(value >= least && value <= most, setting, fmt::format("{} to {}", least, most));
  }
  std::vector<Objection> take() { return std::move(objections_); }

 private:
  std::vector<Objection> objections_;
};

}  // namespace

std::vector<Objection> objections(const Settings& settings) {
  constexpr std::chrono::seconds kMinute{60};
  constexpr std::chrono::seconds kCentury = std::chrono::hours{24 * 36525};
  Checks checks;
  checks.expect(!settings.path.empty() && settings.path.find('\0') == std::string::npos, "path",
                "the path of a file");
  checks.expect(settings.keep_closures >= kMinute && settings.keep_closures <= kCentury,
                "keep_closures", "1 minute to 100 years");
  checks.expect(
      settings.keep_rollups >= settings.keep_closures && settings.keep_rollups <= kCentury,
      "keep_rollups", "at least keep_closures, at most 100 years");
  checks.expect(settings.keep_minutes >= kMinute && settings.keep_minutes <= kCentury,
                "keep_minutes", "1 minute to 100 years");
  checks.within<std::uint64_t>(settings.max_bytes, 1U << 20, std::uint64_t{1} << 40, "max_bytes");
  checks.within(settings.graceful_rows_per_minute, 0U, 10'000'000U, "graceful_rows_per_minute");
  checks.within(settings.rollup_keys_per_minute, 100U, 1'000'000U, "rollup_keys_per_minute");
  checks.within(settings.queue_closures, 64U, 1U << 20, "queue_closures");
  checks.within(settings.pending_rows, 64U, 1U << 20, "pending_rows");
  return checks.take();
}

}  // namespace closewatch::history
