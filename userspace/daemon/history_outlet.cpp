// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/history_outlet.h"

#include <fmt/format.h>

#include "userspace/daemon/default_directory.h"

namespace closewatch {
namespace {

std::vector<std::string> account_of(const history::Writer& writer) {
  const history::Health health = writer.health();
  std::vector<std::string> lines{fmt::format(
      "history: {} closures taken, {} rows written, {} refused, {} rows and {} rollups refused",
      health.taken, health.rows_written, health.refused, health.rows_refused,
      health.rollups_refused)};
  if (health.refused + health.rollups_refused > 0) {
    lines.push_back(fmt::format("LOST for the history: {} closures that waited for its file",
                                health.refused + health.rollups_refused));
  }
  if (health.late_facts > 0) {
    lines.push_back(
        fmt::format("LOST for the history: {} facts that came late", health.late_facts));
  }
  return lines;
}

}  // namespace

Result<std::unique_ptr<HistoryOutlet>> HistoryOutlet::start(const history::Settings& settings,
                                                            const history::Source& source,
                                                            const Log& log) {
  make_default_directory(settings.path, history::kDefaultPath);
  auto writer = history::Writer::start(
      settings, source, {.tell = [&log](const history::Message& message) {
        log.write(message.warning ? LogLevel::warning : LogLevel::info, message.text);
      }});
  if (!writer.ok()) {
    return std::move(writer).error().context("history");
  }
  return std::unique_ptr<HistoryOutlet>(new HistoryOutlet(settings, log, std::move(writer).take()));
}

void HistoryOutlet::take_over(const history::Settings& settings) {
  if (settings != settings_) {
    writer_->take_over(settings);
    settings_ = settings;
  }
}

void HistoryOutlet::stop() {
  if (const auto stopped = writer_->stop(); !stopped.ok()) {
    log_.error(stopped.error().what);
  }
}

SinkReading HistoryOutlet::reading() const {
  const history::Health health = writer_->health();
  return {.sink = "history",
          .taken = health.taken,
          .refused = health.refused,
          .failed = health.rows_refused + health.rollups_refused + health.late_facts,
          .queued = static_cast<std::size_t>(health.waiting),
          .limit = settings_.queue_closures};
}

HistoryReading HistoryOutlet::file() const {
  const history::Health health = writer_->health();
  return {.unchecked = health.unchecked,
          .set_aside = health.set_aside,
          .bytes = health.bytes,
          .log_bytes = health.log_bytes};
}

std::vector<std::string> HistoryOutlet::account() const { return account_of(*writer_); }

}  // namespace closewatch
