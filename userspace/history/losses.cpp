// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/losses.h"

#include <algorithm>

namespace closewatch::history {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kNames{"ring"sv,      "queue"sv,  "row"sv,   "rollup"sv,
                            "late_fact"sv, "killed"sv, "clock"sv, "set_aside"sv};
static_assert(kNames.size() == kLossKindCount);

}  // namespace

std::string_view name_of(LossKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

std::optional<LossKind> loss_kind_named(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? std::nullopt
                               : std::optional{static_cast<LossKind>(found - kNames.begin())};
}

void Losses::add(const Loss& loss) {
  std::optional<Loss>& sum = waiting_.at(static_cast<std::size_t>(loss.kind));
  if (!sum) {
    sum = loss;
    return;
  }
  sum->since_ns = std::min(sum->since_ns, loss.since_ns);
  sum->until_ns = std::max(sum->until_ns, loss.until_ns);
  sum->events += loss.events;
  if (sum->records && loss.records) {
    *sum->records += *loss.records;
  }
  sum->bytes += loss.bytes;
}

bool Losses::waiting() const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [](const std::optional<Loss>& loss) { return loss.has_value(); });
}

Result<> Losses::write(Database& database) const {
  if (!waiting()) {
    return {};
  }
  auto insert = database.prepare(
      "INSERT INTO loss(kind, since_ns, until_ns, events, records, bytes, note)"
      " VALUES(?,?,?,?,?,?,?)");
  if (!insert.ok()) {
    return std::move(insert).error();
  }
  for (const std::optional<Loss>& loss : waiting_) {
    if (!loss) {
      continue;
    }
    insert->begin().put(name_of(loss->kind)).put(loss->since_ns).put(loss->until_ns);
    insert->put(loss->events).put(loss->records).put(loss->bytes).put(std::string_view(loss->note));
    if (auto added = insert->run(); !added.ok()) {
      return added;
    }
  }
  return {};
}

}  // namespace closewatch::history
