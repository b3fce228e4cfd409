// SPDX-License-Identifier: Apache-2.0
// Where closures go from the pipeline: one sink to it, behind which the real ones are set up as the
// configuration says, and exchanged between two batches while records keep coming.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "userspace/daemon/alert_outlet.h"
#include "userspace/daemon/history_outlet.h"
#include "userspace/daemon/log.h"
#include "userspace/daemon/metrics_outlet.h"
#include "userspace/daemon/retiring.h"
#include "userspace/pipeline/pipeline.h"

namespace closewatch {

// What outlets are told of the daemon around them.
struct OutletSurroundings {
  const Log& log;
  const SourceContext& source;
  BuildInfo build;
  PendingWatch::Read pending;  // from a thread of the metrics, until they have ended
};

class Outlets final : public Sink {
 public:
  // Errors: what the configuration asks for and the system refuses.
  static Result<std::unique_ptr<Outlets>> start(const Config& config,
                                                const OutletSurroundings& around);

  void finding(const Finding& finding) override;
  void correction(const Correction& correction) override;
  void gap(const Gap& gap) override;
  void flush() override;

  // When flush() should be called although nothing comes (CLOCK_BOOTTIME); nullopt: no need.
  [[nodiscard]] std::optional<std::uint64_t> due_ns() const;
  // The wall clock was set: what is told from now on has its time.
  void set_clock(std::int64_t boot_to_unix_ns);
  // Every few seconds, and once after the start. Adds what the outlets themselves can tell.
  void take(Readings readings, std::uint64_t now_ns, bool alive);

  // What was closed by the last change still ends: the next one has to wait.
  [[nodiscard]] bool busy() const { return retiring_.busy(); }
  // Before take_over(): opens the history that `config` asks for, which is read then, and may have
  // to be brought up to date, on a thread of its own. Not while busy().
  void prepare(const Config& config);
  [[nodiscard]] bool prepared() const;
  // Goes over to another configuration, once it is prepared. What fails is logged; the rest is
  // done.
  void take_over(const Config& config);

  // Everything that waits is written; nothing is taken any more. The account of it, line by line.
  std::vector<std::string> stop();

 private:
  // Who is told of closures, and whether of failed attempts to connect too: the metrics always are,
  // for the kernel's own counts have them as well.
  struct Outlet {
    Sink* sink;
    bool attempts;
  };

  Outlets(OutletSurroundings around, bool attempts)
      : around_(std::move(around)),
        attempts_(attempts),
        boot_to_unix_ns_(around_.source.boot_to_unix_ns) {}
  using History = Result<std::unique_ptr<HistoryOutlet>>;
  [[nodiscard]] History open_history(const Config& config) const;
  Result<> start_history(const Config& config);
  Result<> start_metrics(const Config& config);
  Result<> start_alerts(const Config& config);
  void connect();

  OutletSurroundings around_;
  std::unique_ptr<HistoryOutlet> history_;
  std::unique_ptr<MetricsOutlet> metrics_;
  std::unique_ptr<AlertOutlet> alerts_;
  bool attempts_;  // are asked for
  std::int64_t boot_to_unix_ns_;
  std::vector<Outlet> connected_;      // of those above
  std::future<History> next_history_;  // valid: what prepare() began
  Retiring retiring_;
};

}  // namespace closewatch
