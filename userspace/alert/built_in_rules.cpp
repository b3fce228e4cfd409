// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/built_in_rules.h"

namespace closewatch::alert {

std::vector<Rule> built_in_rules() {
  using std::chrono::minutes;
  using std::chrono::seconds;
  return {
      {.name = "abortive_loss",
       .summary = "Connections are cut off and lose data",
       .match = {.selection = {.classes = {Class::abortive}, .lost_only = true}},
       .threshold = 5,
       .resolve = 0,
       .window = minutes(5)},
      {.name = "listener_closed",
       .summary = "A listener was closed while clients waited in its queue: all of them were reset",
       .match = {.selection = {.reasons = {Reason::listener_closed}}},
       .threshold = 1,
       .window = minutes(5)},
      {.name = "linger_blocks",
       .summary = "close() keeps threads waiting for a second or longer",
       .match = {.selection = {}, .blocked_at_least = seconds(1)},
       .threshold = 1,
       .window = minutes(5)},
      {.name = "timeouts_rise",
       .summary = "More and more connections end because the peer no longer answers",
       .match = {.selection = {.classes = {Class::timed_out}}},
       .per = Scope::host,
       .measure = Measure::rise,
       .threshold = 3,
       .resolve = 1,
       .at_least = 5,
       .window = minutes(10),
       .hold_for = minutes(1)},
  };
}

}  // namespace closewatch::alert
