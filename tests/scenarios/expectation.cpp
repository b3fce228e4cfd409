// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/expectation.h"

#include <algorithm>
#include <array>
#include <set>

#include "tests/scenarios/kernel_symbols.h"

namespace closewatch::scenarios {
namespace {

using demo::ConnectionTruth;
using demo::Expected;
using demo::Truth;

constexpr std::array<std::string_view, 13> kEndingCounters{
    "AttemptFails",        "EstabResets",      "OutRsts",          "TCPAbortOnClose",
    "TCPAbortOnData",      "TCPAbortOnLinger", "TCPAbortOnMemory", "TCPAbortOnTimeout",
    "TCPAbortFailed",      "EmbryonicRsts",    "ListenOverflows",  "ListenDrops",
    "TCPMigrateReqSuccess"};

Json text_or_null(std::string_view text) { return text.empty() ? Json{} : Json(text); }

Json process_of(const Truth& truth, std::string_view role) {
  if (role.empty()) {
    return {};
  }
  const demo::RoleTruth* found = truth.role(role);
  if (found == nullptr) {
    return "no such role: " + std::string{role};
  }
  return {{"pid", found->pid}, {"comm", found->comm.view()}};
}

Json endpoint(demo::Family family, demo::End end, std::uint16_t port) {
  return {{"address", demo::address_text(family, end)}, {"port", port}};
}

// The queues that the owner's oracles showed, where the situation leaves the numbers to them.
Expected with_queues(Expected expected, const ConnectionTruth& truth) {
  if (expected.bytes_from_queues) {
    expected.never_sent = truth.queues.never_sent;
    expected.unacked = truth.queues.unacked;
    expected.unread = truth.queues.unread;
  }
  return expected;
}

std::int64_t bytes_sent(const Expected& expected, const ConnectionTruth& truth) {
  return expected.sent >= 0 ? expected.sent : std::int64_t{truth.written} - expected.never_sent;
}

// The JSON that the contract asks for, as far as the situation determines it.
Json wanted(const Expected& expected, const Truth& truth, demo::Family family,
            std::string_view hooks) {
  const ConnectionTruth& connection = truth.connections.at(expected.connection);
  const std::uint32_t discarded = expected.never_sent + expected.unacked;
  Json json{
      {"class", expected.cls},
      {"reason", expected.reason},
      {"lost", discarded + expected.unread > 0},
      {"initiator", text_or_null(expected.initiator)},
      {"closed_by", expected.closed_by},
      {"signal", expected.signal == 0 ? Json{} : Json(expected.signal)},
      {"process", process_of(truth, expected.process)},
      {"actor", process_of(truth, expected.actor)},
      {"family", family == demo::Family::ipv6 ? "ipv6" : "ipv4"},
      {"local", endpoint(family, connection.local, connection.local_port)},
      {"peer", endpoint(family, connection.peer, connection.peer_port)},
      {"bytes",
       {{"never_sent", expected.never_sent},
        {"unacked", expected.unacked},
        {"discarded", discarded},
        {"unread", expected.unread},
        {"sent", bytes_sent(expected, connection)},
        {"received", expected.received >= 0 ? expected.received : connection.received}}},
      {"state_at_close", text_or_null(expected.state_at_close)},
      {"final_state", expected.final_state},
      {"linger",
       {{"enabled", expected.linger_seconds >= 0},
        {"seconds", expected.linger_seconds >= 0 ? Json(expected.linger_seconds) : Json{}},
        {"outcome", expected.linger.empty() ? Json{} : Json(expected.linger)}}},
      {"rst", {{"sent", expected.rst_sent}, {"received", expected.rst_received}}},
      {"errno", text_or_null(expected.error)},
      {"hooks", hooks},
  };
  // Where the flag may be missing, so may the RST that it stands for.
  if (std::find(expected.full_flags.begin(), expected.full_flags.end(), "late_data_reset") !=
      expected.full_flags.end()) {
    json["rst"].erase("sent");
  }
  if (expected.cls == "unestablished") {
    json["bytes"].erase("sent");  // nothing was counted before there was a connection
  }
  if (expected.process == demo::kKernelWorker) {
    json.erase("process");
  }
  if (expected.from_accept && hooks == "base") {
    json["process"] = nullptr;
  }
  if (connection.closed && expected.closed_by == "close" && !expected.process.empty()) {
    json["process"]["tid"] = connection.close.tid;
  }
  return json;
}

// Every key of `want` is in `got` with the same value, objects key by key.
void compare(const Json& want, const Json& got, const std::string& path, Complaints& complaints) {
  for (const auto& [key, value] : want.items()) {
    const std::string name = path + key;
    if (!got.is_object() || !got.contains(key)) {
      complaints.push_back(name + ": is absent, expected " + value.dump());
    } else if (value.is_object()) {
      compare(value, got[key], name + ".", complaints);
    } else if (got[key] != value) {
      complaints.push_back(name + ": is " + got[key].dump() + ", expected " + value.dump());
    }
  }
}

// A worker of the kernel has a number in its name that no script can know.
void compare_worker(const Expected& expected, const Json& got, Complaints& complaints) {
  const Json process = got.value("process", Json{});
  if (expected.process == demo::kKernelWorker &&
      (!process.is_object() || !process.value("comm", "").starts_with(demo::kKernelWorker))) {
    complaints.push_back("process: is " + process.dump() + ", expected a worker of the kernel");
  }
}

void compare_flags(const Expected& expected, std::string_view hooks, const Json& got,
                   Complaints& complaints) {
  std::set<std::string> seen;
  const Json flags = got.value("flags", Json::array());
  for (const Json& flag : flags) {
    seen.insert(flag.get<std::string>());
  }
  for (const std::string_view flag : expected.flags) {
    if (seen.erase(std::string{flag}) == 0) {
      complaints.push_back("flags: " + std::string{flag} + " is absent");
    }
  }
  for (const std::string_view flag : expected.full_flags) {
    const bool traced = flag == "late_data_reset" && timewait_resets_are_traced();
    if (seen.erase(std::string{flag}) == 0 && (hooks == "full" || traced)) {
      complaints.push_back("flags: " + std::string{flag} + " is absent");
    }
  }
  const bool late = std::any_of(flags.begin(), flags.end(),
                                [](const Json& flag) { return flag == "late_data_reset"; });
  if (late && got["rst"]["sent"] != true) {
    complaints.push_back("rst.sent: is not true although late data was reset");
  }
  for (const std::string& flag : seen) {
    complaints.push_back("flags: " + flag + " is not expected");
  }
}

// blocked_us lies between what the linger time or the peer forced, and what the caller measured.
void compare_blocked(const Expected& expected, const ConnectionTruth& truth, std::string_view hooks,
                     const Json& got, Complaints& complaints) {
  constexpr std::int64_t kTickUs = 10000;
  const Json blocked = got.value("blocked_us", Json{});
  if (!truth.closed || expected.closed_by != "close") {
    return;
  }
  const bool waited = expected.linger == "completed" || expected.linger == "expired" ||
                      expected.linger == "interrupted";
  if (!blocked.is_number()) {
    if (waited && (hooks == "full" || expected.linger != "completed")) {
      complaints.push_back("blocked_us: is " + blocked.dump() + ", expected a number");
    }
    return;
  }
  const auto us = blocked.get<std::int64_t>();
  const std::int64_t linger_us = expected.linger_seconds * std::int64_t{1000000};
  if (expected.linger == "expired" && hooks == "base") {  // not measured: the time that was set
    if (us != linger_us) {
      complaints.push_back("blocked_us: is " + blocked.dump() + ", not the linger time");
    }
    return;
  }
  if (us > truth.close.blocked_us + kTickUs) {
    complaints.push_back("blocked_us: is " + blocked.dump() + ", but close() took only " +
                         std::to_string(truth.close.blocked_us));
  }
  // Jiffies catch up after lost ticks, so by the clock a wait may be shorter than the linger time
  // (in guests; 78 ms of 1 s seen), which the caller then measures too.
  if (expected.linger == "expired" && us < std::min(linger_us, truth.close.blocked_us) / 10 * 9) {
    complaints.push_back("blocked_us: is " + blocked.dump() + ", less than the linger time");
  }
}

bool is_about(const Json& closure, const ConnectionTruth& connection, demo::Family family) {
  return closure.value("local", Json{}) ==
             endpoint(family, connection.local, connection.local_port) &&
         closure.value("peer", Json{}) == endpoint(family, connection.peer, connection.peer_port);
}

}  // namespace

Complaints check_counters(const demo::Variant& expected, const Truth& truth) {
  Complaints complaints;
  std::set<std::string_view> names{kEndingCounters.begin(), kEndingCounters.end()};
  for (const demo::CounterDelta& counter : expected.counters) {
    names.insert(counter.name);
  }
  for (const std::string_view name : names) {
    const auto& counters = expected.counters;
    const auto found = std::find_if(counters.begin(), counters.end(),
                                    [name](const auto& counter) { return counter.name == name; });
    const std::int64_t want = found == counters.end() ? 0 : found->delta;
    const std::int64_t got = truth.counters.get(name).value_or(0);
    if (got != want) {
      complaints.push_back("the kernel's " + std::string{name} + ": is " + std::to_string(got) +
                           ", expected " + std::to_string(want));
    }
  }
  return complaints;
}

Complaints check_closures(const demo::Variant& expected, const Truth& truth, demo::Family family,
                          std::string_view hooks, std::vector<Json> closures) {
  Complaints complaints;
  for (const Expected& entry : expected.closures) {
    const ConnectionTruth& connection = truth.connections.at(entry.connection);
    const Expected closure = with_queues(entry, connection);
    const auto found = std::find_if(closures.begin(), closures.end(), [&](const Json& candidate) {
      return is_about(candidate, connection, family);
    });
    const std::string which = "connection " + std::to_string(closure.connection) + ": ";
    const Json want = wanted(closure, truth, family, hooks);
    if (found == closures.end()) {
      if (closure.full_only && hooks != "full") {
        continue;
      }
      complaints.push_back(which + "no closure was told of; expected " + want.dump());
      continue;
    }
    Complaints differences;
    compare(want, *found, "", differences);
    compare_worker(closure, *found, differences);
    compare_flags(closure, hooks, *found, differences);
    compare_blocked(closure, connection, hooks, *found, differences);
    for (const std::string& difference : differences) {
      complaints.push_back(which + difference);
    }
    if (!differences.empty()) {
      complaints.push_back(which + "expected " + want.dump());
      complaints.push_back(which + "got      " + found->dump());
    }
    closures.erase(found);
  }
  for (const Json& extra : closures) {
    complaints.push_back("nobody expected " + extra.dump());
  }
  return complaints;
}

}  // namespace closewatch::scenarios
