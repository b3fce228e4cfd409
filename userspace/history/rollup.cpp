// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/rollup.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "userspace/history/histogram_blob.h"

namespace closewatch::history {
namespace {

constexpr std::size_t kRememberedClosures = 32'768;
// Minutes that may wait while the file cannot be written: a day.
constexpr std::size_t kMinutesWaiting = 1440;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  return (std::rotl(hash, 23) ^ value) * 0x9e3779b97f4a7c15ULL;
}

std::optional<std::span<const std::byte>> unless_empty(const std::vector<std::byte>& blob) {
  return blob.empty() ? std::nullopt : std::optional{std::span<const std::byte>(blob)};
}

}  // namespace

std::uint16_t service_port(const Closure& closure) {
  if (closure.facts.active_open) {
    return closure.peer.port;
  }
  return closure.facts.before_start ? std::min(closure.local.port, closure.peer.port)
                                    : closure.local.port;
}

std::size_t Rollup::KeyHash::operator()(const Key& key) const {
  std::uint64_t words[2];
  std::memcpy(words, key.network.data(), sizeof words);
  auto hash = std::bit_cast<std::uint64_t>(key.process.get());
  hash = mix(mix(hash, words[0]), words[1]);
  const auto rest = std::uint64_t{key.port} << 24 | static_cast<std::uint64_t>(key.cls) << 16 |
                    static_cast<std::uint64_t>(key.reason) << 8 | (key.told_apart ? 2U : 0U) |
                    (key.network_told_apart ? 1U : 0U);
  hash = mix(hash, rest);
  return hash ^ (hash >> 32);
}

Rollup::Rollup(std::uint32_t keys_per_minute)
    : limit_(keys_per_minute), recent_(kRememberedClosures) {}

Rollup::Step* Rollup::step_of(std::int64_t minute, Key& key) {
  auto at = minutes_.find(minute);
  if (at == minutes_.end()) {
    if (minutes_.size() >= kMinutesWaiting) {
      ++counts_.refused;
      return nullptr;
    }
    at = minutes_.try_emplace(minute).first;
  }
  Minute& steps = at->second;
  if (const auto found = steps.find(key); found != steps.end()) {
    return &found->second;
  }
  // Minutes that cannot be written share the room of a few.
  const std::size_t room = minutes_.size() <= 4 ? limit_ : limit_ / minutes_.size();
  if (steps.size() >= room) {
    key.network = {};
    key.port = 0;
    key.network_told_apart = false;
    if (steps.size() >= 2 * room && !steps.contains(key)) {
      key.process.reset();
      key.told_apart = false;
    }
    ++counts_.folded;
  }
  return &steps.try_emplace(key).first->second;
}

void Rollup::count(const Finding& finding, std::shared_ptr<Process> process) {
  const Closure& closure = finding.closure;
  const Verdict& verdict = finding.verdict;
  Counted counted{.key = {.process = std::move(process),
                          .network = network_of(closure.peer.address),
                          .port = service_port(closure),
                          .cls = verdict.cls,
                          .reason = verdict.reason},
                  .minute = minute_of(finding.end_unix_ns),
                  .discarded = closure.discarded(),
                  .unread = closure.unread,
                  .lost = verdict.lost};
  Step* const step = step_of(counted.minute, counted.key);
  if (step == nullptr) {
    return;
  }
  ++step->closures;
  step->lost_closures += verdict.lost ? 1 : 0;
  step->discarded += static_cast<std::int64_t>(closure.discarded());
  step->unread += closure.unread;
  step->late_resets += closure.facts.late_data_reset ? 1 : 0;
  if (verdict.blocked_us) {
    step->blocked_us.record(*verdict.blocked_us);
  }
  if (verdict.drain_us) {
    step->drain_us.record(*verdict.drain_us);
  }
  step->waiting = waiting_ = true;
  recent_.remember(closure.id, counted);
}

bool Rollup::amend(const Correction& correction, std::shared_ptr<Process> process) {
  const Amendment& amendment = correction.amendment;
  Counted* const counted = recent_.find(amendment.id);
  if (counted == nullptr) {
    return false;
  }
  Key key = counted->key;
  if (const auto& verdict = correction.verdict) {
    key.cls = verdict->cls;
    key.reason = verdict->reason;
  }
  if (!key.process && key.told_apart) {
    key.process = std::move(process);
  }
  if (key != counted->key) {
    Step* const from = step_of(counted->minute, counted->key);
    Step* const to = step_of(counted->minute, key);
    if (from == nullptr || to == nullptr) {
      return false;
    }
    const auto move = [&](std::int64_t Step::*count, std::int64_t value) {
      from->*count -= value;
      to->*count += value;
    };
    move(&Step::closures, 1);
    move(&Step::lost_closures, counted->lost ? 1 : 0);
    move(&Step::discarded, static_cast<std::int64_t>(counted->discarded));
    move(&Step::unread, counted->unread);
    from->waiting = to->waiting = true;
    counted->key = key;
  }
  Step* const step = step_of(counted->minute, counted->key);
  if (step == nullptr) {
    return false;
  }
  step->late_resets += amendment.facts.late_data_reset ? 1 : 0;
  if (amendment.unread > counted->unread) {
    step->unread += amendment.unread - counted->unread;
    step->lost_closures += counted->lost ? 0 : 1;
    counted->unread = amendment.unread;
    counted->lost = true;
  }
  step->waiting = waiting_ = true;
  return true;
}

Result<> Rollup::write(Database& database, ProcessDirectory& processes, std::int64_t boot) {
  if (!upsert_) {
    auto upsert = database.prepare(std::string("INSERT INTO rollup(minute, process, class, reason, "
                                               "network, port, closures, lost_closures,"
                                               " discarded, unread, late_resets, blocked_us, "
                                               "drain_us) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)") +
                                   std::string(kAddToRollup));
    if (!upsert.ok()) {
      return std::move(upsert).error();
    }
    upsert_ = std::move(upsert).take();
  }
  for (const auto& [minute, steps] : minutes_) {
    for (const auto& [key, step] : steps) {
      if (!step.waiting) {
        continue;
      }
      const auto process = key.told_apart ? processes.row_of(database, boot, key.process, minute)
                                          : Result<std::int64_t>(kNotToldApart);
      if (!process.ok()) {
        return process.error();
      }
      if (auto added = upsert(minute, *process, key, step); !added.ok()) {
        return added;
      }
    }
  }
  return {};
}

Result<> Rollup::upsert(std::int64_t minute, std::int64_t process, const Key& key,
                        const Step& step) {
  const std::vector<std::byte> blocked = encode(step.blocked_us);
  const std::vector<std::byte> drain = encode(step.drain_us);
  upsert_->begin().put(minute).put(process).put(name_of(key.cls)).put(name_of(key.reason));
  upsert_->put(key.network_told_apart ? network_text(key.network) : std::string()).put(key.port);
  upsert_->put(step.closures).put(step.lost_closures).put(step.discarded).put(step.unread);
  upsert_->put(step.late_resets).put(unless_empty(blocked)).put(unless_empty(drain));
  return upsert_->run();
}

void Rollup::written() {
  // Late ones may still come for the minute before; what comes later yet begins anew.
  while (minutes_.size() > 2) {
    minutes_.erase(minutes_.begin());
  }
  for (auto& [minute, steps] : minutes_) {
    for (auto& [key, step] : steps) {
      if (step.waiting) {
        ++counts_.rows;
        step = {};
      }
    }
  }
  waiting_ = false;
}

}  // namespace closewatch::history
