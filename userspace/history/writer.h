// SPDX-License-Identifier: Apache-2.0
// The history as a sink of the pipeline: takes findings without ever blocking, counts every one of
// them in the rollups and keeps what is worth it as rows, from a thread of its own. A file that
// cannot be written (locked, full, damaged) is told once, what waits is kept within its bounds, and
// it is tried again each second; nothing of that reaches the pipeline.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "userspace/base/result.h"
#include "userspace/history/backlog.h"
#include "userspace/history/checkup.h"
#include "userspace/history/losses.h"
#include "userspace/history/process_directory.h"
#include "userspace/history/queue.h"
#include "userspace/history/retention.h"
#include "userspace/history/rollup.h"
#include "userspace/history/settings.h"
#include "userspace/history/store.h"
#include "userspace/pipeline/finding.h"
#include "userspace/pipeline/recent_closures.h"

namespace closewatch::history {

// What an operator should read in the log, on one line.
struct Message {
  bool warning = false;
  std::string text;
};

// The outside world of a writer; every member has a use in tests.
struct Surroundings {
  std::function<void(const Message&)> tell;     // from any thread; may be empty
  std::function<std::int64_t()> unix_ns = {};   // CLOCK_REALTIME; empty: the system's
  std::function<std::uint64_t()> boot_ns = {};  // CLOCK_BOOTTIME; empty: the system's
};

// A copy of all counters. Findings given = refused + taken; taken = in the rollups +
// rollups_refused.
struct Health {
  bool writable = false;              // the last flush succeeded
  std::string trouble;                // why not
  std::uint64_t waiting = 0;          // in the queue
  std::uint64_t refused = 0;          // findings: the queue was full
  std::uint64_t taken = 0;            // findings
  std::uint64_t rows_waiting = 0;     // rows and amendments
  std::uint64_t rows_written = 0;     // closures
  std::uint64_t rows_refused = 0;     // too many waited: in the rollups only
  std::uint64_t rows_known = 0;       // were there already
  std::uint64_t rollup_rows = 0;      // added or changed
  std::uint64_t rollups_folded = 0;   // closures counted with less detail
  std::uint64_t rollups_refused = 0;  // closures not counted: a day could not be written
  std::uint64_t late_facts = 0;       // not in the rollups: of what is forgotten, or refused
  std::uint64_t flushes = 0;
  std::uint64_t failures = 0;  // flushes that did not succeed
  std::uint64_t clock_jumps = 0;
  std::uint64_t set_aside = 0;  // damaged files
  bool unchecked = false;       // a run was killed, and the file is not read whole since
  std::uint64_t bytes = 0;      // of the file that hold something, at the last flush
  std::uint64_t log_bytes = 0;  // of the write-ahead log beside it, at the last look
  RetentionCounts deleted;
};

class Writer final : public Sink {
 public:
  // Opens the history and starts the thread. A file that is locked or full is waited for in the
  // background; anything else that keeps it from being written is an Error with a hint.
  static Result<std::unique_ptr<Writer>> start(const Settings& settings, const Source& source,
                                               Surroundings surroundings);
  ~Writer() override;  // as stop(), in silence

  // The pipeline's side. Ends of a closure and of a batch; never blocks on the file.
  void finding(const Finding& finding) override { queue_.put(finding); }
  void correction(const Correction& correction) override { queue_.put(correction); }
  void gap(const Gap& gap) override { queue_.put(gap); }
  void flush() override { queue_.wake(); }

  // Goes over to other settings of the same file (`path` is that of the start), in the writer's
  // thread: nothing that waits or is remembered is lost. A session of its own begins with them.
  void take_over(const Settings& settings);

  // Writes what waits and ends the thread. An Error tells what could not be written in 5 seconds.
  Result<> stop();

  [[nodiscard]] Health health() const;
  // What was found when the file was opened first; nullopt as long as it could not be.
  [[nodiscard]] std::optional<Opening> opening() const;

 private:
  Writer(const Settings& settings, Source source, Surroundings surroundings);
  Result<> open(Fault& fault);
  void run();

  bool go_over();
  void take(Batch& batch);
  void take(const Finding& finding);
  void take(const Correction& correction);
  bool wants_row(const Finding& finding);
  template <typename Row>
  void pend(const Row& row, std::int64_t unix_ns);

  [[nodiscard]] bool waiting() const;
  void try_flush();
  bool flush_part();
  Result<> write(std::size_t rows, Fault& fault);
  Result<> write_rows(std::size_t rows);
  Result<> write_row(const Finding& finding);
  Result<> write_row(const Correction& correction);
  void failed(const Error& error, Fault fault);
  void written(std::size_t rows);
  void begin_checkup();
  void watch_checkup();
  void end_checkup();
  void check_later(const std::string& why);
  void close_damaged(const std::string& damage);
  void close();
  void retain();
  void watch_clock();
  void publish();
  void tell(bool warning, std::string text) const;

  Settings settings_;  // after the start, of the thread
  const Source source_;
  const Surroundings surroundings_;
  Queue queue_;

  // Of the thread.
  std::optional<Store> store_;
  std::unique_ptr<Checkup> checkup_;             // under way
  bool found_whole_ = false;                     // by it; the file does not say so yet
  std::optional<std::uint64_t> check_again_ns_;  // CLOCK_BOOTTIME; nullopt: no need
  std::optional<Statement> insert_;
  std::optional<Statement> amend_;
  ProcessDirectory processes_;
  Rollup rollup_;
  Losses losses_;
  Retention retention_;
  RecentClosures<Finding> without_row_;
  Backlog pending_;  // rows, and what amends them
  std::int64_t budget_minute_ = 0;
  std::uint32_t budget_used_ = 0;
  std::uint64_t inserted_ = 0;  // in the transaction under way
  std::uint64_t known_ = 0;
  std::uint64_t amended_nothing_ = 0;
  std::int64_t clock_offset_ns_ = 0;
  std::uint64_t clock_trusted_ns_ = 0;  // CLOCK_BOOTTIME from which on time can be relied upon
  std::uint64_t rollups_refused_told_ = 0;
  std::chrono::steady_clock::time_point last_flush_;
  bool retain_more_ = false;
  bool refusing_ = false;        // that was told, and is so still
  bool refused_lately_ = false;  // since the last flush
  bool session_over_ = false;    // the next flush that succeeds begins another
  std::optional<std::string> damage_;
  Health state_;

  mutable std::mutex mutex_;
  std::optional<Settings> next_;    // that the thread is to go over to
  Health health_;                   // copy of state_
  std::optional<Opening> opening_;  // of the first time
  std::string end_;                 // what stop() is to say; empty: all was written
  std::thread thread_;
};

}  // namespace closewatch::history
