// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <tuple>
#include <unordered_map>

#include "userspace/history/histogram_blob.h"
#include "userspace/history/peer_network.h"
#include "userspace/history/process_directory.h"
#include "userspace/history/rollup.h"
#include "userspace/history/schema.h"
#include "userspace/report/ranking.h"

namespace closewatch::history {
namespace {

constexpr int kReaderWaitMs = 5000;
constexpr std::size_t kProcessesRemembered = 65'536;
constexpr std::size_t kGroups = 65'536;
constexpr int kClosuresAtOnce = 1000;

// A reader's snapshot; undone at its end, which for a reader is the same as committed.
class Snapshot {
 public:
  static Result<Snapshot> begin(Database& database) {
    auto begun = database.run("BEGIN");
    return begun.ok() ? Result<Snapshot>(Snapshot(database))
                      : Result<Snapshot>(std::move(begun).error());
  }
  Snapshot(Snapshot&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot() {
    if (database_ != nullptr) {
      (void)database_->run("ROLLBACK");
    }
  }

 private:
  explicit Snapshot(Database& database) : database_(&database) {}
  Database* database_;
};

Error cannot_read(const std::string& path, std::string what) {
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  const int error = errno;
  Error told{.what = fmt::format("cannot read the history {}: {}", path,
                                 there ? std::move(what) : std::strerror(error))};
  if (!there && error == ENOENT) {
    told.hint = "closewatch serve writes one; --history names another file";
  } else if (error == EACCES || told.what.find("unable to open") != std::string::npos) {
    told.hint = "reading it needs the permissions of its file, often those of root";
  }
  return told;
}

std::uint64_t unsigned_of(std::int64_t value) {
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace

Result<ReportSpan> Reader::whole(const ReportSpan& span) {
  std::int64_t first = minute_of(span.from_unix_ns);
  std::int64_t last = minute_of(span.to_unix_ns - 1);
  auto query = database_.prepare("SELECT 1 FROM rollup WHERE minute = ? AND minutes > 1 LIMIT 1");
  if (!query.ok()) {
    return std::move(query).error();
  }
  const auto is_coarse = [&query](std::int64_t minute) {
    return query->begin().put(hour_of(minute)).step();
  };
  const auto from = is_coarse(first);
  if (!from.ok()) {
    return from.error();
  }
  const auto to = is_coarse(last);
  if (!to.ok()) {
    return to.error();
  }
  first = *from ? hour_of(first) : first;
  last = *to ? hour_of(last) + kMinutesPerHour - 1 : last;
  return ReportSpan{.from_unix_ns = first * kMinuteNs, .to_unix_ns = (last + 1) * kMinuteNs};
}

Result<Reader> Reader::open(const std::string& path) {
  const auto attempt = [&path](Database::Mode mode) -> Result<Database> {
    auto database = Database::open(path, mode, kReaderWaitMs);
    if (!database.ok()) {
      return database;
    }
    if (const auto readable = database->number("PRAGMA schema_version"); !readable.ok()) {
      return readable.error();
    }
    return database;
  };
  auto database = attempt(Database::Mode::read);
  if (!database.ok()) {
    // Where it lies SQLite may not make its shared memory. Without a log, or with an empty one,
    // nobody writes the file.
    struct stat status {};
    const int found = ::stat((path + "-wal").c_str(), &status);
    if (found == 0 ? status.st_size == 0 : errno == ENOENT) {
      if (auto still = attempt(Database::Mode::immutable); still.ok()) {
        database = std::move(still);
      }
    }
  }
  if (!database.ok()) {
    return cannot_read(path, database.error().what);
  }
  if (auto current = require_current(*database); !current.ok()) {
    return std::move(current).error().context(path);
  }
  return Reader(std::move(database).take());
}

bool Reader::may_be_history(const std::string& path) {
  constexpr std::string_view kMagic{"SQLite format 3\0", 16};
  std::string begin(kMagic.size(), ' ');
  std::ifstream(path, std::ios::binary)
      .read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kMagic;
}

Result<const Reader::Identity*> Reader::process(std::int64_t row) {
  if (const auto found = processes_.find(row); found != processes_.end()) {
    return &found->second;
  }
  if (processes_.size() >= kProcessesRemembered) {
    processes_.clear();
  }
  auto query = database_.prepare(
      "SELECT boot, pid, start_boot_ns, comm, uid, start_ns, exe, cgroup, cgroup_id, container"
      " FROM process WHERE id = ?");
  if (!query.ok()) {
    return std::move(query).error();
  }
  const auto is_there = query->begin().put(row).step();
  if (!is_there.ok()) {
    return is_there.error();
  }
  Identity identity;
  if (*is_there) {
    identity.boot = query->number();
    Task& task = identity.task;
    task.pid = static_cast<std::uint32_t>(query->number());
    task.start_ns = static_cast<std::uint64_t>(query->number());
    const std::string_view comm = query->text();
    std::copy_n(comm.begin(), std::min(comm.size(), task.comm_bytes.size() - 1),
                task.comm_bytes.begin());
    task.uid = static_cast<std::uint32_t>(query->number());
    identity.details.start_unix_ns = query->optional_number();
    identity.details.exe = query->optional_text();
    identity.details.cgroup = query->optional_text();
    task.cgroup_id = static_cast<std::uint64_t>(query->number());
    identity.details.container = query->optional_text();
  }
  return &processes_.emplace(row, std::move(identity)).first->second;
}

// Keeps the counts of a report apart as its grouping asks, until they are ranked.
class Grouper {
 public:
  Grouper(Reader& reader, Grouping grouping) : reader_(reader), grouping_(grouping) {}

  struct Row {
    std::int64_t process;
    std::string network;  // empty: not told apart
    std::int64_t port;
  };
  static constexpr std::size_t kOther = SIZE_MAX;        // not told apart
  static constexpr std::size_t kLeftOut = SIZE_MAX - 1;  // the filter cannot judge it

  // The place of the group in groups(); made when it is new.
  Result<std::size_t> place_of(const Row& row) {
    const bool of_process = grouping_ != Grouping::peer && grouping_ != Grouping::port;
    if (of_process ? row.process == kNotToldApart : row.network.empty()) {
      return kOther;
    }
    if (!of_process) {
      const std::string name = grouping_ == Grouping::peer ? row.network : std::to_string(row.port);
      return place(name, [&name](ProcessReport& report) { report.group = name; });
    }
    if (const auto known = of_row_.find(row.process); known != of_row_.end()) {
      return known->second;
    }
    const auto identity = reader_.process(row.process);
    if (!identity.ok()) {
      return identity.error();
    }
    const std::size_t at = place_of_process(**identity);
    if (of_row_.size() < 4 * kGroups) {
      of_row_.emplace(row.process, at);
    }
    return at;
  }

  std::vector<ProcessReport>& groups() { return groups_; }

 private:
  std::size_t place_of_process(const Reader::Identity& identity) {
    if (grouping_ == Grouping::process) {
      const Task& task = identity.task;
      return place(fmt::format("{} {} {}", identity.boot, task.pid, task.start_ns),
                   [&](ProcessReport& report) {
                     report.process = identity.task;
                     report.details = identity.details;
                   });
    }
    const ProcessDetails& details = identity.details;
    const std::optional<std::string>& name =
        grouping_ == Grouping::exe ? details.exe : details.cgroup;
    return place(name ? "=" + *name : "", [&](ProcessReport& report) { report.group = name; });
  }

  template <typename Name>
  std::size_t place(const std::string& key, Name name) {
    if (const auto found = places_.find(key); found != places_.end()) {
      return found->second;
    }
    if (groups_.size() >= kGroups) {
      return kOther;
    }
    name(groups_.emplace_back());
    return places_.emplace(key, groups_.size() - 1).first->second;
  }

  Reader& reader_;
  Grouping grouping_;
  std::vector<ProcessReport> groups_;
  std::unordered_map<std::string, std::size_t> places_;
  std::unordered_map<std::int64_t, std::size_t> of_row_;
};

// Which rows a filter lets through.
class Sieve {
 public:
  enum class Judgement : std::uint8_t { in, out, unknown };

  Sieve(Reader& reader, const RollupFilter& filter) : reader_(reader), filter_(filter) {}

  Result<Judgement> judge(const Grouper::Row& row, Class cls, Reason reason) {
    if (filter_.verdict && !filter_.verdict(cls, reason)) {
      return Judgement::out;
    }
    const auto network = network_from(row.network);
    if (filter_.ipv4 && network && Endpoint{.address = *network}.is_ipv4() != *filter_.ipv4) {
      return Judgement::out;
    }
    const bool family_known = !filter_.ipv4 || network;
    if (!filter_.process) {
      return family_known ? Judgement::in : Judgement::unknown;
    }
    if (row.process == kNotToldApart) {
      return Judgement::unknown;
    }
    const auto wanted = wants_process(row.process);
    if (!wanted.ok()) {
      return wanted.error();
    }
    if (!*wanted) {
      return Judgement::out;
    }
    return family_known ? Judgement::in : Judgement::unknown;
  }

 private:
  Result<bool> wants_process(std::int64_t row) {
    if (const auto known = of_row_.find(row); known != of_row_.end()) {
      return known->second;
    }
    const auto identity = reader_.process(row);
    if (!identity.ok()) {
      return identity.error();
    }
    const bool wanted = filter_.process((*identity)->task, (*identity)->details);
    if (of_row_.size() < 4 * kGroups) {
      of_row_.emplace(row, wanted);
    }
    return wanted;
  }

  Reader& reader_;
  const RollupFilter& filter_;
  std::unordered_map<std::int64_t, bool> of_row_;
};

namespace {

constexpr const char* kRollupQuery =
    "SELECT minute, minutes, process, network, port, class, reason, closures, lost_closures,"
    " discarded, unread, late_resets, blocked_us, drain_us FROM rollup WHERE minute >= ? AND "
    "minute < ?"
    " ORDER BY minute";

struct RollupRow {
  std::int64_t minute = 0;
  std::int64_t minutes = 1;
  Grouper::Row of;
  Class cls = Class::unknown;
  Reason reason = Reason::unknown;
  std::uint64_t closures = 0;
  std::uint64_t bytes_lost = 0;
  std::uint64_t lost_closures = 0;
};

// The next row, in two steps: what is counted, and the counts, which are added to `tally`.
RollupRow take_key(Statement& row) {
  RollupRow out;
  out.minute = row.number();
  out.minutes = row.number();
  out.of.process = row.number();
  out.of.network = row.text();
  out.of.port = row.number();
  out.cls = class_named(row.text()).value_or(Class::unknown);
  out.reason = reason_named(row.text()).value_or(Reason::unknown);
  return out;
}

void take_counts(Statement& row, RollupRow& out, bool only_lost, CloseTally& tally) {
  out.closures = unsigned_of(row.number());
  out.lost_closures = unsigned_of(row.number());
  if (only_lost) {
    out.closures = out.lost_closures;
  }
  const std::uint64_t discarded = unsigned_of(row.number());
  const std::uint64_t unread = unsigned_of(row.number());
  out.bytes_lost = discarded + unread;
  tally.classes.at(static_cast<std::size_t>(out.cls)) += out.closures;
  tally.reasons.at(static_cast<std::size_t>(out.reason)) += out.closures;
  tally.lost_closures += out.lost_closures;
  tally.discarded += discarded;
  tally.unread += unread;
  if (only_lost) {
    return;  // the rest is of all of them
  }
  tally.late_resets += unsigned_of(row.number());
  tally.blocked_us.merge(decode(row.blob()).value_or(Histogram{}));
  tally.drain_us.merge(decode(row.blob()).value_or(Histogram{}));
}

// Adds the peers of one row to those of its group.
void add_harm(std::vector<PeerTally>& peers, const RollupRow& row) {
  const bool abortive = row.cls == Class::abortive;
  const bool bad = abortive || row.cls == Class::timed_out;
  const std::uint64_t harmed = bad ? row.closures : row.lost_closures;
  const auto network = network_from(row.of.network);
  if (harmed == 0 || !network) {
    return;
  }
  auto at = std::find_if(peers.begin(), peers.end(),
                         [&network](const PeerTally& peer) { return peer.address == *network; });
  if (at == peers.end()) {
    at = peers.insert(peers.end(), PeerTally{.address = *network, .network = true});
  }
  at->closures += harmed;
  at->abortive += abortive ? row.closures : 0;
  at->bytes_lost += row.bytes_lost;
}

auto badness(const ProcessReport& report) {
  const CloseTally& tally = report.tally;
  return std::tuple(tally.bytes_lost(), tally.of(Class::abortive) + tally.of(Class::timed_out),
                    tally.closures());
}

// Also the key of its row in the timeline.
std::string title_of(const ProcessReport& report) {
  return report.process.known() ? fmt::format("{} {}", report.process.pid, report.process.comm())
                                : report.group.value_or("");
}

void add_not_kept(std::vector<NotKept>& all, const Loss& loss) {
  const std::string_view kind = name_of(loss.kind);
  auto at = std::find_if(all.begin(), all.end(),
                         [kind](const NotKept& each) { return each.kind == kind; });
  if (at == all.end()) {
    at = all.insert(all.end(), NotKept{.kind = std::string(kind),
                                       .since_unix_ns = loss.since_ns,
                                       .records = loss.records ? std::optional(0U) : std::nullopt});
  }
  at->until_unix_ns = std::max(at->until_unix_ns, loss.until_ns);
  at->events += loss.events;
  if (at->records && loss.records) {
    *at->records += *loss.records;
  }
  at->note = loss.note;
}

ReportLosses losses_in(const std::vector<Loss>& losses) {
  ReportLosses sum;
  for (const Loss& loss : losses) {
    if (loss.kind == LossKind::ring || loss.kind == LossKind::queue ||
        loss.kind == LossKind::rollup) {
      sum.since_unix_ns =
          sum.gaps == 0 ? loss.since_ns : std::min(sum.since_unix_ns, loss.since_ns);
      sum.gaps += loss.events;
      sum.records += loss.records.value_or(0);
    } else if (loss.kind == LossKind::late_fact) {
      sum.late_facts += loss.records.value_or(0);
      sum.late_unread += loss.bytes;
    } else {
      add_not_kept(sum.not_kept, loss);
    }
  }
  return sum;
}

}  // namespace

Result<> Reader::report(const ReportSpan& whole, PerProcess& report, Timeline* timeline,
                        const RollupFilter& filter) {
  const std::int64_t first = minute_of(whole.from_unix_ns);
  const std::int64_t end = minute_of(whole.to_unix_ns);
  const auto snapshot = Snapshot::begin(database_);
  if (!snapshot.ok()) {
    return snapshot.error();
  }
  auto lost = losses(whole);
  if (!lost.ok()) {
    return std::move(lost).error();
  }

  auto query = database_.prepare(kRollupQuery);
  if (!query.ok()) {
    return std::move(query).error();
  }
  Grouper grouper(*this, report.grouping());
  Sieve sieve(*this, filter);
  CloseTally left_out;
  CloseTally not_told_apart;
  std::int64_t coarsest = 1;
  const auto each_row = [&](const auto& take) -> Result<> {
    query->begin().put(first).put(end);
    for (;;) {
      const auto is_there = query->step();
      if (!is_there.ok()) {
        return is_there.error();
      }
      if (!*is_there) {
        return {};
      }
      RollupRow row = take_key(*query);
      const auto wanted = sieve.judge(row.of, row.cls, row.reason);
      if (!wanted.ok()) {
        return wanted.error();
      }
      if (*wanted == Sieve::Judgement::out) {
        continue;
      }
      if (*wanted == Sieve::Judgement::unknown) {
        take(row, Grouper::kLeftOut);
        continue;
      }
      const auto place = grouper.place_of(row.of);
      if (!place.ok()) {
        return place.error();
      }
      take(row, *place);
    }
  };
  auto read = each_row([&](RollupRow& row, std::size_t place) {
    coarsest = std::max(coarsest, row.minutes);
    if (place == Grouper::kLeftOut || place == Grouper::kOther) {
      take_counts(*query, row, filter.lost, place == Grouper::kOther ? not_told_apart : left_out);
      return;
    }
    ProcessReport& group = grouper.groups()[place];
    take_counts(*query, row, filter.lost, group.tally);
    add_harm(group.peers, row);
  });
  if (!read.ok()) {
    return read;
  }
  ReportLosses told = losses_in(*lost);
  if (left_out.closures() > 0) {
    told.not_kept.push_back({.kind = "not_told_apart",
                             .since_unix_ns = whole.from_unix_ns,
                             .until_unix_ns = whole.to_unix_ns,
                             .events = 1,
                             .records = left_out.closures()});
  }
  report.take_losses(told);

  std::vector<ProcessReport>& groups = grouper.groups();
  std::vector<std::size_t> order(groups.size());
  for (std::size_t index = 0; index < order.size(); ++index) {
    order[index] = index;
  }
  std::stable_sort(order.begin(), order.end(), [&groups](std::size_t a, std::size_t b) {
    return badness(groups[a]) > badness(groups[b]);
  });

  if (timeline != nullptr) {
    std::unordered_map<std::size_t, std::size_t> shown;
    const std::int64_t minutes = std::max<std::int64_t>(1, end - first);
    const auto steps = static_cast<std::int64_t>(kTimelineSteps);
    const std::int64_t step = std::max((minutes + steps - 1) / steps, coarsest);
    const auto count = static_cast<std::size_t>((minutes + step - 1) / step);
    timeline->from_unix_ns = whole.from_unix_ns;
    timeline->step_ns = step * kMinuteNs;
    timeline->all = {.name = {}, .steps = std::vector<TimelineStep>(count)};
    for (const std::size_t place : order) {
      if (shown.size() < kTimelineRows) {
        shown.emplace(place, shown.size());
        timeline->rows.push_back(
            {.name = title_of(groups[place]), .steps = std::vector<TimelineStep>(count)});
      }
    }
    read = each_row([&](RollupRow& row, std::size_t place) {
      if (place == Grouper::kLeftOut) {
        return;
      }
      CloseTally tally;
      take_counts(*query, row, filter.lost, tally);
      const auto at = static_cast<std::size_t>((row.minute - first) / step);
      const auto add = [&](TimelineRow& line) {
        line.steps[at].classes.at(static_cast<std::size_t>(row.cls)) += row.closures;
        line.steps[at].bytes_lost += row.bytes_lost;
      };
      add(timeline->all);
      if (const auto found = shown.find(place); found != shown.end()) {
        add(timeline->rows[found->second]);
      }
    });
    if (!read.ok()) {
      return read;
    }
  }

  for (const std::size_t place : order) {
    report.take(std::move(groups[place]));
  }
  report.take_other(not_told_apart);
  return {};
}

Result<> Reader::complete(Finding& finding, const RowReferences& references) {
  const auto fill = [this](std::int64_t row, Task& task, ProcessDetails& details) -> Result<> {
    const auto identity = process(row);
    if (!identity.ok()) {
      return identity.error();
    }
    const std::uint32_t tid = task.tid;
    task = (*identity)->task;
    task.tid = task.known() ? tid : 0;
    details = (*identity)->details;
    return {};
  };
  auto filled = fill(references.process, finding.closure.process, finding.process);
  if (filled.ok() && references.actor) {
    filled = fill(*references.actor, finding.closure.actor, finding.actor);
  }
  return filled;
}

Result<> Reader::closures(const ReportSpan& span, const Take& take, const Miss& miss) {
  auto lost = losses(span);
  if (!lost.ok()) {
    return std::move(lost).error();
  }
  auto next_loss = lost->cbegin();
  const auto tell_losses = [&](std::int64_t until_ns) {
    for (; next_loss != lost->cend() && next_loss->since_ns <= until_ns; ++next_loss) {
      miss(*next_loss);
    }
  };
  // In pieces: a reader that takes its time must not keep the writer from using its log again.
  auto query = database_.prepare("SELECT " + closure_columns() +
                                 " FROM closure WHERE (ended_ns, cpu) > (?, ?) AND ended_ns < ?"
                                 " ORDER BY ended_ns, cpu LIMIT ?");
  if (!query.ok()) {
    return std::move(query).error();
  }
  std::int64_t after_ns = span.from_unix_ns - 1;
  std::int64_t after_cpu = UINT32_MAX;
  std::vector<std::pair<Finding, RowReferences>> piece;
  do {
    piece.clear();
    query->begin().put(after_ns).put(after_cpu).put(span.to_unix_ns).put(kClosuresAtOnce);
    for (;;) {
      const auto is_there = query->step();
      if (!is_there.ok()) {
        return is_there.error();
      }
      if (!*is_there) {
        break;
      }
      auto& [finding, references] = piece.emplace_back();
      references = take_row(*query, finding, names_);
    }
    query->begin();
    for (auto& [finding, references] : piece) {
      if (auto whole = complete(finding, references); !whole.ok()) {
        return whole;
      }
      tell_losses(finding.end_unix_ns);
      if (!take(finding)) {
        return {};
      }
      after_ns = finding.end_unix_ns;
      after_cpu = finding.closure.id.cpu;
    }
  } while (piece.size() == kClosuresAtOnce);
  tell_losses(span.to_unix_ns);
  return {};
}

Result<std::optional<Finding>> Reader::closure(const RowKey& key) {
  auto query = database_.prepare("SELECT " + closure_columns() +
                                 " FROM closure WHERE ended_ns = ? AND cpu = ?");
  if (!query.ok()) {
    return std::move(query).error();
  }
  const auto is_there = query->begin().put(key.ended_ns).put(key.cpu).step();
  if (!is_there.ok()) {
    return is_there.error();
  }
  if (!*is_there) {
    return std::optional<Finding>();
  }
  Finding finding;
  const RowReferences references = take_row(*query, finding, names_);
  if (auto whole = complete(finding, references); !whole.ok()) {
    return std::move(whole).error();
  }
  return std::optional{std::move(finding)};
}

Result<std::vector<Loss>> Reader::losses(const ReportSpan& span) {
  auto query = database_.prepare(
      "SELECT kind, since_ns, until_ns, events, records, bytes, note FROM loss"
      " WHERE since_ns < ? AND until_ns >= ? ORDER BY since_ns, id");
  if (!query.ok()) {
    return std::move(query).error();
  }
  query->begin().put(span.to_unix_ns).put(span.from_unix_ns);
  std::vector<Loss> losses;
  for (;;) {
    const auto is_there = query->step();
    if (!is_there.ok()) {
      return is_there.error();
    }
    if (!*is_there) {
      return losses;
    }
    const auto kind = loss_kind_named(query->text());
    Loss loss;
    loss.since_ns = query->number();
    loss.until_ns = query->number();
    loss.events = unsigned_of(query->number());
    const auto records = query->optional_number();
    loss.records = records ? std::optional{unsigned_of(*records)} : std::nullopt;
    loss.bytes = unsigned_of(query->number());
    loss.note = query->text();
    if (kind) {
      loss.kind = *kind;
      losses.push_back(std::move(loss));
    }
  }
}

Result<Coverage> Reader::coverage(const ReportSpan& span) {
  Coverage coverage;
  auto query = database_.prepare(
      "SELECT coalesce(sum(min(?2, coalesce(stopped_ns, flushed_ns)) - max(?1, started_ns)), 0),"
      " (SELECT min(minute) FROM rollup), (SELECT min(ended_ns) FROM closure),"
      " (SELECT max(ended_ns) FROM closure) FROM session"
      " WHERE started_ns < ?2 AND coalesce(stopped_ns, flushed_ns) > ?1");
  if (!query.ok()) {
    return std::move(query).error();
  }
  const auto is_there = query->begin().put(span.from_unix_ns).put(span.to_unix_ns).step();
  if (!is_there.ok()) {
    return is_there.error();
  }
  coverage.observed_ns = query->number();
  const auto minute = query->optional_number();
  coverage.rollups_from_ns = minute ? std::optional{*minute * kMinuteNs} : std::nullopt;
  coverage.closures_from_ns = query->optional_number();
  coverage.closures_until_ns = query->optional_number();
  return coverage;
}

Result<std::uint64_t> Reader::tick_ns() {
  const auto tick = database_.number("SELECT tick_ns FROM session ORDER BY id DESC LIMIT 1");
  return tick.ok() ? Result<std::uint64_t>(unsigned_of(*tick))
                   : Result<std::uint64_t>(tick.error());
}

}  // namespace closewatch::history
