// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/writer.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/history/closure_row.h"
#include "userspace/render/time_text.h"

namespace closewatch::history {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kFlushEvery{1};
constexpr std::chrono::seconds kFlushIdle{60};  // says that the writer lives
constexpr std::chrono::seconds kStopPatience{5};
constexpr std::size_t kRowsPerFlush = 10'000;
// A transaction is to fit into what retention can make room for.
constexpr std::uint64_t kBytesPerRow = 256;
constexpr std::uint64_t kFileParts = 8;
// How far the log may grow while a check keeps it from being cut.
constexpr std::uint64_t kLeastLogLimit = 16 << 20;
constexpr std::uint64_t kLogParts = 4;
constexpr std::uint64_t kCheckAgainNs = 3'600'000'000'000;
constexpr std::size_t kWithoutRow = 4096;
constexpr std::int64_t kJumpNs = 2'000'000'000;
// By then NTP has set a clock that was wrong at the start.
constexpr std::uint64_t kTrustAfterNs = 600'000'000'000;
// A clock that was set so far ahead makes much too old at once: by then somebody has seen it if
// that was a mistake.
constexpr std::int64_t kFarNs = 3'600'000'000'000;
constexpr std::uint64_t kTrustFarAheadAfterNs = 86'400'000'000'000;

Surroundings completed(Surroundings surroundings) {
  if (!surroundings.boot_ns) {
    surroundings.boot_ns = boot_now_ns;
  }
  if (!surroundings.unix_ns) {
    surroundings.unix_ns = [] {
      return boot_to_unix_ns() + static_cast<std::int64_t>(boot_now_ns());
    };
  }
  return surroundings;
}

bool passes_by_itself(Fault fault) { return fault == Fault::locked || fault == Fault::full; }

}  // namespace

Result<std::unique_ptr<Writer>> Writer::start(const Settings& settings, const Source& source,
                                              Surroundings surroundings) {
  if (const auto wrong = objections(settings); !wrong.empty()) {
    return Error{.what = fmt::format("history: {} must be {}", wrong.front().setting,
                                     wrong.front().expected),
                 .code = ExitCode::usage};
  }
  std::unique_ptr<Writer> writer(new Writer(settings, source, completed(std::move(surroundings))));
  Fault fault = Fault::none;
  if (auto opened = writer->open(fault); !opened.ok()) {
    if (!passes_by_itself(fault)) {
      return std::move(opened).error();
    }
    writer->failed(opened.error(), fault);
  }
  writer->publish();
  writer->thread_ = std::thread([raw = writer.get()] { raw->run(); });
  return writer;
}

Writer::Writer(const Settings& settings, Source source, Surroundings surroundings)
    : settings_(settings),
      source_(std::move(source)),
      surroundings_(std::move(surroundings)),
      queue_(settings.queue_closures),
      rollup_(settings.rollup_keys_per_minute),
      retention_(settings),
      without_row_(kWithoutRow),
      clock_offset_ns_(surroundings_.unix_ns() -
                       static_cast<std::int64_t>(surroundings_.boot_ns())),
      clock_trusted_ns_(surroundings_.boot_ns() + kTrustAfterNs),
      last_flush_(steady_clock::now()) {}

Writer::~Writer() { (void)stop(); }

Result<> Writer::open(Fault& fault) {
  auto store = open_store(settings_, source_, surroundings_.unix_ns(), damage_, fault);
  if (!store.ok()) {
    return std::move(store).error();
  }
  auto insert = prepare_insert(store->database);
  auto amend = prepare_amend(store->database);
  if (!insert.ok() || !amend.ok()) {
    fault = Fault::other;
    return insert.ok() ? std::move(amend).error() : std::move(insert).error();
  }
  store_ = std::move(store).take();
  insert_ = std::move(insert).take();
  amend_ = std::move(amend).take();
  damage_.reset();
  session_over_ = false;
  state_.writable = true;
  state_.trouble.clear();
  const Opening& opening = store_->opening;
  state_.set_aside += opening.set_aside ? 1 : 0;
  state_.unchecked = opening.unchecked;
  if (opening.set_aside) {
    tell(true, fmt::format("{} was damaged ({}); it is now {}, and a new history begins",
                           settings_.path, opening.damage, *opening.set_aside));
  } else if (opening.killed_ns) {
    TextBuffer time;
    append_rfc3339(time, *opening.killed_ns, 3);
    tell(true, fmt::format("the last run did not stop: its history is whole up to {}, what ended "
                           "between then and now is missing",
                           view_of(time)));
  }
  if (opening.unchecked) {
    begin_checkup();
  }
  const std::lock_guard lock(mutex_);
  if (!opening_) {
    opening_ = opening;
  }
  return {};
}

void Writer::begin_checkup() {
  check_again_ns_.reset();
  auto checkup = Checkup::begin(settings_.path);
  if (!checkup.ok()) {
    check_later(checkup.error().what);
    return;
  }
  checkup_ = std::move(checkup).take();
  tell(false,
       settings_.path + " is not known to be whole: it is large, and checked while it is written");
}

void Writer::check_later(const std::string& why) {
  check_again_ns_ = surroundings_.boot_ns() + kCheckAgainNs;
  tell(true, fmt::format("{} is not checked: {}; tried again in an hour", settings_.path, why));
}

// Observation goes before the check: a log that it keeps from being cut is bounded.
void Writer::watch_checkup() {
  if (check_again_ns_ && store_ && surroundings_.boot_ns() >= *check_again_ns_) {
    begin_checkup();
  }
  end_checkup();
  state_.log_bytes = log_bytes(settings_.path);
  if (checkup_ && state_.log_bytes > std::max(kLeastLogLimit, settings_.max_bytes / kLogParts)) {
    checkup_.reset();
    check_later(
        fmt::format("the log of what is written meanwhile has {} MiB", state_.log_bytes >> 20));
  }
}

// What has been found, once it is.
void Writer::end_checkup() {
  if (!checkup_ || !checkup_->over()) {
    return;
  }
  const auto damage = checkup_->damage();
  checkup_.reset();
  if (!damage.ok()) {
    check_later(damage.error().what);
  } else if (damage->empty()) {
    found_whole_ = true;
    tell(false, settings_.path + " was checked: it is whole");
  } else {
    failed(Error{*damage}, Fault::corrupt);
  }
}

void Writer::take_over(const Settings& settings) {
  {
    const std::lock_guard lock(mutex_);
    next_ = settings;
  }
  queue_.set_limit(settings.queue_closures);
}

// Whether there are other settings now.
bool Writer::go_over() {
  std::optional<Settings> next;
  {
    const std::lock_guard lock(mutex_);
    next.swap(next_);
  }
  if (!next) {
    return false;
  }
  settings_ = std::move(*next);
  rollup_.set_limit(settings_.rollup_keys_per_minute);
  retention_.take_over(settings_);
  if (store_) {
    session_over_ = true;
    if (const auto limited = limit_size(store_->database, settings_.max_bytes); !limited.ok()) {
      failed(limited.error(), store_->database.fault());
    }
  }
  return true;
}

Result<> Writer::stop() {
  if (!thread_.joinable()) {
    return {};
  }
  queue_.close();
  thread_.join();
  const std::lock_guard lock(mutex_);
  return end_.empty() ? Result<>() : Result<>(Error{.what = end_});
}

Health Writer::health() const {
  const std::lock_guard lock(mutex_);
  Health health = health_;
  health.waiting = queue_.waiting();
  const Refused refused = queue_.refused();
  health.refused = refused.findings;
  health.late_facts += refused.corrections;
  return health;
}

std::optional<Opening> Writer::opening() const {
  const std::lock_guard lock(mutex_);
  return opening_;
}

void Writer::run() {
  ::pthread_setname_np(::pthread_self(), "history");
  Batch batch;
  bool open = true;
  while (open) {
    const auto pause = [this] {
      return waiting() || checkup_ || !store_ ? kFlushEvery : kFlushIdle;
    };
    open = queue_.take(batch, retain_more_ ? steady_clock::now() : last_flush_ + pause());
    take(batch);
    watch_checkup();
    const auto now = steady_clock::now();
    const auto since = now - last_flush_;
    // A file that cannot be written is not tried at every batch.
    const bool full = pending_.size() >= kRowsPerFlush && state_.writable;
    if (go_over() || !open || full || since >= pause()) {
      watch_clock();
      try_flush();
      retain();
    } else if (retain_more_) {
      watch_clock();
      retain();
    }
    publish();
  }
  const auto until = steady_clock::now() + kStopPatience;
  while (!state_.writable && steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    try_flush();
  }
  if (!state_.writable) {
    end_ = fmt::format(
        "history: {} rows and the rollups since the last flush could not be "
        "written: {}",
        pending_.size(), state_.trouble);
  } else if (auto stopped = mark_stopped(*store_, surroundings_.unix_ns()); !stopped.ok()) {
    end_ = "history: cannot mark the end: " + stopped.error().what;
  }
  publish();
  if (state_.unchecked && store_) {
    tell(true, settings_.path + " is not known to be whole: the next start checks it");
  }
  close();
}

void Writer::take(Batch& batch) {
  batch.waiting.drain([this](const auto& each) { take(each); });
  const std::int64_t now = surroundings_.unix_ns();
  for (const Gap& gap : batch.gaps) {
    losses_.add({.kind = LossKind::ring,
                 .since_ns = gap.since_unix_ns,
                 .until_ns = now,
                 .records = gap.lost_records});
  }
  if (batch.refused.findings > 0) {
    if (!refusing_) {
      tell(true, "closures come faster than they can be taken: some are refused, and are losses");
    }
    refusing_ = refused_lately_ = true;
    losses_.add({.kind = LossKind::queue,
                 .since_ns = batch.refused_since_ns,
                 .until_ns = now,
                 .records = batch.refused.findings});
  }
  if (batch.refused.corrections > 0) {
    losses_.add({.kind = LossKind::late_fact,
                 .since_ns = batch.refused_since_ns,
                 .until_ns = now,
                 .records = batch.refused.corrections});
  }
  batch.clear();
}

void Writer::take(const Finding& finding) {
  ++state_.taken;
  rollup_.count(finding, processes_.of(finding.closure.process, finding.process));
  if (wants_row(finding)) {
    pend(finding, finding.end_unix_ns);
  } else {
    without_row_.remember(finding.closure.id, finding);
  }
}

bool Writer::wants_row(const Finding& finding) {
  if (is_always_kept(finding.verdict.cls, finding.verdict.lost)) {
    return true;
  }
  if (const std::int64_t minute = minute_of(finding.end_unix_ns); minute != budget_minute_) {
    budget_minute_ = minute;
    budget_used_ = 0;
  }
  if (budget_used_ >= settings_.graceful_rows_per_minute) {
    return false;
  }
  ++budget_used_;
  return true;
}

void Writer::take(const Correction& correction) {
  if (!rollup_.amend(correction, processes_.of(correction.amendment.process, correction.process))) {
    ++state_.late_facts;
    losses_.add({.kind = LossKind::late_fact,
                 .since_ns = correction.unix_ns,
                 .until_ns = correction.unix_ns,
                 .records = 1,
                 .bytes = correction.amendment.unread});
  }
  // It was plain graceful, and is no more.
  Finding* const before = without_row_.find(correction.amendment.id);
  if (before != nullptr && !before->id.empty()) {
    pend(*before, before->end_unix_ns);
    before->id.clear();  // has a row now
  }
  pend(correction, correction.unix_ns);
}

template <typename Row>
void Writer::pend(const Row& row, std::int64_t unix_ns) {
  if (pending_.size() < settings_.pending_rows &&
      pending_.bytes() < settings_.pending_rows * kBytesWaiting) {
    pending_.put(row);
    return;
  }
  ++state_.rows_refused;
  losses_.add({.kind = LossKind::row, .since_ns = unix_ns, .until_ns = unix_ns, .records = 1});
}

bool Writer::waiting() const {
  return !pending_.empty() || rollup_.waiting() || losses_.waiting() || found_whole_;
}

void Writer::try_flush() {
  last_flush_ = steady_clock::now();
  refusing_ = std::exchange(refused_lately_, false);
  if (const std::uint64_t refused = rollup_.counts().refused; refused > rollups_refused_told_) {
    const std::int64_t now = surroundings_.unix_ns();
    losses_.add({.kind = LossKind::rollup,
                 .since_ns = now,
                 .until_ns = now,
                 .records = refused - rollups_refused_told_});
    rollups_refused_told_ = refused;
  }
  Fault fault = Fault::none;
  if (!store_) {
    if (auto opened = open(fault); !opened.ok()) {
      failed(opened.error(), fault);
      return;
    }
  }
  while (flush_part() && !pending_.empty()) {
    retain();
  }
  if (session_over_ && state_.writable) {
    const auto next = next_session(*store_, source_, surroundings_.unix_ns());
    if (next.ok()) {
      session_over_ = false;
    } else {
      failed(next.error(), store_->database.fault());
    }
  }
}

// All that waits, unless the file is so small that it could not hold it at once.
bool Writer::flush_part() {
  const std::size_t rows =
      std::min<std::uint64_t>(pending_.size(), settings_.max_bytes / kFileParts / kBytesPerRow);
  Fault fault = Fault::none;
  if (const auto result = write(rows, fault); !result.ok()) {
    failed(result.error(), fault);
    return false;
  }
  written(rows);
  return true;
}

Result<> Writer::write(std::size_t rows, Fault& fault) {
  inserted_ = known_ = amended_nothing_ = 0;
  const auto as_fault = [&](Result<> result) {
    if (!result.ok()) {
      fault = store_->database.fault();
    }
    return result;
  };
  auto transaction = Transaction::begin(store_->database);
  if (!transaction.ok()) {
    fault = store_->database.fault();
    return std::move(transaction).error();
  }
  auto result = as_fault(write_rows(rows));
  if (result.ok()) {
    result = as_fault(rollup_.write(store_->database, processes_, store_->boot));
  }
  if (result.ok()) {
    result = as_fault(losses_.write(store_->database));
  }
  if (result.ok() && found_whole_) {
    result = as_fault(mark_checked(*store_));
  }
  if (result.ok()) {
    result = as_fault(mark_flushed(*store_, surroundings_.unix_ns()));
  }
  if (result.ok()) {
    result = as_fault(transaction->commit());
  }
  return result;
}

Result<> Writer::write_rows(std::size_t rows) {
  return pending_.each(rows, [this](const auto& each) { return write_row(each); });
}

Result<> Writer::write_row(const Finding& finding) {
  const auto row_of = [&](const Task& task, const ProcessDetails& details) {
    return processes_.row_of(store_->database, store_->boot, processes_.of(task, details),
                             minute_of(finding.end_unix_ns));
  };
  const auto process = row_of(finding.closure.process, finding.process);
  if (!process.ok()) {
    return process.error();
  }
  RowReferences references{.session = store_->session, .process = *process};
  if (finding.closure.actor.known()) {
    const auto actor = row_of(finding.closure.actor, finding.actor);
    if (!actor.ok()) {
      return actor.error();
    }
    references.actor = *actor;
  }
  auto inserted = insert_row(*insert_, finding, references);
  if (inserted.ok()) {
    ++(store_->database.rows_changed() == 1 ? inserted_ : known_);
  }
  return inserted;
}

Result<> Writer::write_row(const Correction& correction) {
  const auto key = closure_named(correction.amends);
  if (!key) {
    ++amended_nothing_;
    return {};
  }
  std::optional<std::int64_t> process;
  if (correction.amendment.process.known()) {
    const auto row = processes_.row_of(
        store_->database, store_->boot,
        processes_.of(correction.amendment.process, correction.process), minute_of(key->ended_ns));
    if (!row.ok()) {
      return row.error();
    }
    process = *row;
  }
  auto amended = amend_row(*amend_, *key, correction, process);
  if (amended.ok() && store_->database.rows_changed() == 0) {
    ++amended_nothing_;
  }
  return amended;
}

void Writer::failed(const Error& error, Fault fault) {
  processes_.undone();
  ++state_.failures;
  if (state_.writable || state_.trouble.empty()) {
    tell(true, fmt::format("{} cannot be written: {}; what ends meanwhile waits in memory, "
                           "tried again each second",
                           settings_.path, error.what));
  }
  state_.writable = false;
  state_.trouble = error.what;
  if (fault == Fault::corrupt && store_) {
    close_damaged(error.what);
  }
}

// The next flush opens a new file.
void Writer::close_damaged(const std::string& damage) {
  close();
  damage_ = damage;
}

void Writer::close() {
  checkup_.reset();
  found_whole_ = false;
  check_again_ns_.reset();
  insert_.reset();
  amend_.reset();
  processes_.forget_rows();
  rollup_.forget_statements();
  store_.reset();
}

void Writer::written(std::size_t rows) {
  processes_.committed();
  rollup_.written();
  losses_.written();
  pending_.drop(rows);
  if (std::exchange(found_whole_, false)) {
    state_.unchecked = store_->unchecked = false;
  }
  state_.rows_written += inserted_;
  state_.rows_known += known_;
  ++state_.flushes;
  if (!state_.writable) {
    tell(false, settings_.path +
                    " can be written again; nothing that waited was lost but what "
                    "the losses say");
  }
  state_.writable = true;
  state_.trouble.clear();
  if (amended_nothing_ > 0) {
    const std::int64_t now = surroundings_.unix_ns();
    losses_.add({.kind = LossKind::row,
                 .since_ns = now,
                 .until_ns = now,
                 .records = amended_nothing_,
                 .note = "late facts without a row"});
  }
}

void Writer::retain() {
  retain_more_ = false;
  if (!store_) {
    return;
  }
  const bool trusted = surroundings_.boot_ns() >= clock_trusted_ns_;
  auto more = retention_.step(store_->database, surroundings_.unix_ns(), trusted);
  if (more.ok()) {
    retain_more_ = *more;
    const auto bytes = bytes_used(store_->database);
    state_.bytes = bytes.ok() ? *bytes : state_.bytes;
    return;
  }
  const Fault fault = store_->database.fault();
  if (fault == Fault::corrupt) {
    failed(more.error(), fault);
  }
}

void Writer::watch_clock() {
  const std::uint64_t boot = surroundings_.boot_ns();
  const std::int64_t now = surroundings_.unix_ns();
  const std::int64_t offset = now - static_cast<std::int64_t>(boot);
  const std::int64_t jump = offset - clock_offset_ns_;
  clock_offset_ns_ = offset;
  if (std::llabs(jump) < kJumpNs) {
    return;
  }
  ++state_.clock_jumps;
  const bool far_ahead = jump >= kFarNs;
  const std::uint64_t trusted = boot + (far_ahead ? kTrustFarAheadAfterNs : kTrustAfterNs);
  // One that was set back makes nothing too old: if it was ahead, that is over.
  clock_trusted_ns_ = jump <= -kFarNs ? trusted : std::max(clock_trusted_ns_, trusted);
  const std::string note = fmt::format("the wall clock was set by {:+} s", jump / 1'000'000'000);
  losses_.add({.kind = LossKind::clock, .since_ns = now, .until_ns = now, .note = note});
  tell(true, fmt::format("{}; nothing is deleted by age for {}", note,
                         far_ahead ? "a day" : "10 minutes"));
}

void Writer::publish() {
  const RollupCounts& rollups = rollup_.counts();
  state_.rows_waiting = pending_.size();
  state_.rollup_rows = rollups.rows;
  state_.rollups_folded = rollups.folded;
  state_.rollups_refused = rollups.refused;
  state_.deleted = retention_.counts();
  const std::lock_guard lock(mutex_);
  health_ = state_;
}

void Writer::tell(bool warning, std::string text) const {
  if (surroundings_.tell) {
    surroundings_.tell({.warning = warning, .text = "history: " + std::move(text)});
  }
}

}  // namespace closewatch::history
