// SPDX-License-Identifier: Apache-2.0
// One way in which a connection ends: the script that makes it happen, and what an observer must
// say of it. A situation is data; the expectation comes from kernel.md and design.md, never from a
// program's output. Defaults are the quiet case, so that an entry states only what is special.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace closewatch::demo {

class Stage;

// As Expected::process: a worker of the kernel, whichever.
inline constexpr std::string_view kKernelWorker = "kworker/";

// The JSON keys of design.md section 3. Every field is judged, at its default too; an empty text
// stands for null.
struct Expected {
  std::string_view cls;
  std::string_view reason;
  std::uint32_t connection = 0;  // index in Truth::connections
  std::uint32_t never_sent = 0;
  std::uint32_t unacked = 0;
  std::uint32_t unread = 0;
  std::int64_t sent = -1;      // -1: what was written, less what was never sent
  std::int64_t received = -1;  // -1: what the peer sent
  std::string_view initiator = "local";
  std::string_view closed_by = "close";
  int signal = 0;
  std::string_view process = "owner";  // role in Truth::roles
  bool from_accept = false;            // the base hooks, which see no accept(), do not know it
  std::string_view actor = "";
  std::string_view state_at_close = "ESTABLISHED";
  std::string_view final_state = "FIN_WAIT2";
  int linger_seconds = -1;          // -1: SO_LINGER off
  std::string_view linger = "off";  // its outcome; "": not known
  bool rst_sent = false;
  bool rst_received = false;
  std::string_view error = "";  // "ETIMEDOUT"
  // The split of never_sent and unacked depends on the kernel's congestion window: what its queues
  // said just before the end holds.
  bool bytes_from_queues = false;
  bool full_only = false;                         // the base hooks cannot see this closure
  std::vector<std::string_view> flags = {};       // exactly these, in any order
  std::vector<std::string_view> full_flags = {};  // also these with the full hooks; without, maybe
};

struct CounterDelta {
  std::string_view name;  // of kCounterNames
  std::int64_t delta = 0;
};

// What is to be seen on the kernels that behave alike. The script finds out which (Stage::variant).
struct Variant {
  std::vector<Expected> closures;
  // Every counter that ends a connection and is not named here must have stayed 0.
  std::vector<CounterDelta> counters;
};

struct Sysctl {
  std::string_view name;  // below /proc/sys/net/ipv4
  std::string_view value;
};

struct Situation {
  std::string_view name;   // "abortive/unread_data/partly_read"
  std::string_view about;  // one sentence
  void (*run)(Stage& stage);
  Variant usual;
  std::vector<Sysctl> sysctls = {};
  std::vector<Variant> others = {};  // Stage::variant(n) chooses others[n - 1]
  // A knob of the whole machine that the script lowers for a moment, or empty: the play must be
  // alone. Below /proc/sys/net/ipv4. Play puts it back, come what may.
  std::string_view host_limit = "";
  // Every connection of the machine feels it: only for a machine of the play's own, and alone.
  bool own_machine = false;
  // A connection is left that holds the namespace alone once the play is over. The kernel's
  // counters go with it: only what an observer tells can be judged. Played alone too.
  bool leaves_orphan = false;

  [[nodiscard]] const Variant& variant(std::uint32_t number) const {
    return number == 0 ? usual : others.at(number - 1);
  }
};

// One situation for each class and reason of design.md section 2, in the order of its table.
const std::vector<Situation>& demo_situations();

}  // namespace closewatch::demo
