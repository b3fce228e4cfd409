// SPDX-License-Identifier: Apache-2.0
// The history as an outlet of the daemon: taken on the ring thread, written by a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "userspace/config/config.h"
#include "userspace/daemon/log.h"
#include "userspace/history/writer.h"
#include "userspace/metrics/readings.h"

namespace closewatch {

class HistoryOutlet {
 public:
  // `log` must outlive this. Errors: a file that can never be written.
  static Result<std::unique_ptr<HistoryOutlet>> start(const history::Settings& settings,
                                                      const history::Source& source,
                                                      const Log& log);

  [[nodiscard]] Sink& sink() { return *writer_; }

  // Another file wants another outlet.
  [[nodiscard]] bool is_of(const std::string& path) const { return settings_.path == path; }
  // Goes over to other settings of the same file, unless they are the same.
  void take_over(const history::Settings& settings);

  // What waits is written, for at most 5 s. Nothing is taken any more.
  void stop();

  [[nodiscard]] SinkReading reading() const;
  [[nodiscard]] HistoryReading file() const;
  [[nodiscard]] std::vector<std::string> account() const;

 private:
  HistoryOutlet(history::Settings settings, const Log& log, std::unique_ptr<history::Writer> writer)
      : settings_(std::move(settings)), log_(log), writer_(std::move(writer)) {}

  history::Settings settings_;
  const Log& log_;
  std::unique_ptr<history::Writer> writer_;
};

}  // namespace closewatch
