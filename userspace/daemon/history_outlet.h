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
                                                      history::Source source, const Log& log);

  [[nodiscard]] Sink& sink() { return *writer_; }

  // Goes over to other settings, unless they are the same. The writer goes on with the same file;
  // another file has another writer, and what has to be done with the one up to now, on another
  // thread, is given. On an error nothing has changed.
  Result<std::function<void()>> take_over(const history::Settings& settings);

  // What waits is written, for at most 5 s. Nothing is taken any more.
  void stop();

  [[nodiscard]] SinkReading reading() const;
  [[nodiscard]] HistoryReading file() const;
  [[nodiscard]] std::vector<std::string> account() const;

 private:
  HistoryOutlet(history::Settings settings, history::Source source, const Log& log,
                std::shared_ptr<history::Writer> writer)
      : settings_(std::move(settings)),
        source_(std::move(source)),
        log_(log),
        writer_(std::move(writer)) {}

  history::Settings settings_;
  history::Source source_;
  const Log& log_;
  std::shared_ptr<history::Writer> writer_;
};

}  // namespace closewatch
