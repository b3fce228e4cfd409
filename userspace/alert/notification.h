// SPDX-License-Identifier: Apache-2.0
// What the engine tells: an alert fires, still fires, is resolved; or that there is more than it
// may tell. Complete in itself: evidence and explanation are rendered when it is made. Shared by
// all receivers, so never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "userspace/alert/rule.h"

namespace closewatch::alert {

// still_firing repeats an alert for receivers that forget those that nobody repeats. more says how
// many were held back; it has no rule.
enum class Event : std::uint8_t { firing, still_firing, resolved, more };
std::string_view name_of(Event value);

// What the alert speaks of, by the rule's scope. The names are raw bytes, chosen by a process.
// others: those beyond the limit of the engine, together.
struct Subject {
  enum class Kind : std::uint8_t { host, named, unknown, others };
  Kind kind = Kind::host;
  std::string name = {};  // process name or cgroup path of a named one

  friend bool operator==(const Subject&, const Subject&) = default;
  friend bool operator<(const Subject& a, const Subject& b) {
    return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
  }
};

// One closure, as the contract writes it (render/json_lines.h), and in plain sentences.
struct Evidence {
  std::string closure;  // a JSON object on one line, without its newline
  std::string explanation;
};

// Alerts of one rule that were held back.
struct HeldBack {
  std::string rule;
  std::uint64_t alerts = 0;
};

struct Notification {
  Event event = Event::firing;
  std::int64_t unix_ns = 0;  // when this became so
  std::int64_t since_unix_ns =
      0;           // when the alert fired; of more: since when alerts were held back
  Rule rule = {};  // as it was then
  Subject subject = {};
  double level = 0;                     // what the rule's measure gave
  std::uint64_t closures = 0;           // that matched, in the window
  std::uint64_t covered = 0;            // of which these are a part; counted for a share only
  std::uint64_t bytes = 0;              // lost by those that matched
  std::vector<Evidence> evidence = {};  // the last that matched, newest first
  // What to do about the reason of the newest one; a literal, empty when there is none.
  std::string_view advice = {};
  std::uint64_t lost_records = 0;        // since the start: closures that no rule could see
  std::vector<HeldBack> held_back = {};  // of more, by name

  [[nodiscard]] std::uint64_t held_back_alerts() const;
};

using SharedNotification = std::shared_ptr<const Notification>;

// Where notifications go. Called on the engine's thread; must not block.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void receive(const SharedNotification& notification) = 0;
};

}  // namespace closewatch::alert
