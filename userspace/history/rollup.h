// SPDX-License-Identifier: Apache-2.0
// What ended in each minute, counted in memory until the next flush and then added to the table
// `rollup`: every closure, whether or not it becomes a row of its own. Memory is bounded: when a
// minute has too many combinations, networks and ports are no longer told apart, then processes;
// counts and bytes stay exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "userspace/history/peer_network.h"
#include "userspace/history/process_directory.h"
#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/recent_closures.h"
#include "userspace/report/histogram.h"

namespace closewatch::history {

inline constexpr std::int64_t kMinuteNs = 60'000'000'000;

// The minute of a time, rounded down also before 1970.
constexpr std::int64_t minute_of(std::int64_t unix_ns) {
  return unix_ns / kMinuteNs - (unix_ns % kMinuteNs < 0 ? 1 : 0);
}

// Rollups long past are of an hour, which begins with this minute.
inline constexpr std::int64_t kMinutesPerHour = 60;
constexpr std::int64_t hour_of(std::int64_t minute) {
  return minute - ((minute % kMinutesPerHour) + kMinutesPerHour) % kMinutesPerHour;
}

// Ends an INSERT of rollups: what is there already has its counts added to.
inline constexpr std::string_view kAddToRollup =
    " ON CONFLICT DO UPDATE SET closures = closures + excluded.closures,"
    " lost_closures = lost_closures + excluded.lost_closures,"
    " discarded = discarded + excluded.discarded, unread = unread + excluded.unread,"
    " late_resets = late_resets + excluded.late_resets,"
    " blocked_us = histogram_add(blocked_us, excluded.blocked_us),"
    " drain_us = histogram_add(drain_us, excluded.drain_us)";

// The port of the service: the local one of a connection that was accepted, the peer's of one that
// was opened here, the smaller one where that was before observation began.
std::uint16_t service_port(const Closure& closure);

struct RollupCounts {
  std::uint64_t folded = 0;   // closures counted without network and port, or without process
  std::uint64_t refused = 0;  // closures not counted at all: too many minutes wait to be written
  std::uint64_t rows = 0;     // added or changed in the table
};

class Rollup {
 public:
  explicit Rollup(std::uint32_t keys_per_minute);
  void set_limit(std::uint32_t keys_per_minute) { limit_ = keys_per_minute; }

  // `process` is that of the finding; null when it is not known.
  void count(const Finding& finding, std::shared_ptr<Process> process);
  // `process` is that of the amendment; null when it names none. False when the closure is no
  // longer remembered: nothing is changed.
  bool amend(const Correction& correction, std::shared_ptr<Process> process);

  // Adds what was counted to the table, within the caller's transaction.
  Result<> write(Database& database, ProcessDirectory& processes, std::int64_t boot);
  // The transaction was committed: what was written is not written again.
  void written();
  // The connection is about to be closed.
  void forget_statements() { upsert_.reset(); }

  [[nodiscard]] bool waiting() const { return waiting_; }
  [[nodiscard]] const RollupCounts& counts() const { return counts_; }

 private:
  struct Key {
    std::shared_ptr<Process> process;  // null with told_apart: not known
    Address network{};
    std::uint16_t port = 0;
    Class cls = Class::unknown;
    Reason reason = Reason::unknown;
    bool told_apart = true;          // the process
    bool network_told_apart = true;  // and the port
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  // Since the last flush. Signed: an amendment takes away from one and gives to another.
  struct Step {
    std::int64_t closures = 0;
    std::int64_t lost_closures = 0;
    std::int64_t discarded = 0;
    std::int64_t unread = 0;
    std::int64_t late_resets = 0;
    Histogram blocked_us;
    Histogram drain_us;
    bool waiting = false;
  };
  using Minute = std::unordered_map<Key, Step, KeyHash>;
  struct Counted {
    Key key;
    std::int64_t minute = 0;
    std::uint64_t discarded = 0;
    std::uint32_t unread = 0;
    bool lost = false;
  };

  // Null when it is refused. `key` becomes what is really counted.
  Step* step_of(std::int64_t minute, Key& key);
  Result<> upsert(std::int64_t minute, std::int64_t process, const Key& key, const Step& step);

  std::size_t limit_;
  std::map<std::int64_t, Minute> minutes_;
  RecentClosures<Counted> recent_;
  RollupCounts counts_;
  std::optional<Statement> upsert_;
  bool waiting_ = false;
};

}  // namespace closewatch::history
