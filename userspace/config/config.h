// SPDX-License-Identifier: Apache-2.0
// What `closewatch serve` is told to do: plain data, filled from a file or left as it is. A Config
// that was read is valid: whoever gets one need not check it again.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "userspace/alert/settings.h"
#include "userspace/base/result.h"
#include "userspace/config/complaint.h"
#include "userspace/history/settings.h"
#include "userspace/metrics/close_series.h"
#include "userspace/metrics/server_settings.h"
#include "userspace/observe/options.h"

namespace closewatch {

enum class LogLevel : std::uint8_t { error, warning, notice, info, debug };
// Whether lines begin with the priority that the journal reads: automatic is journal unless
// standard error is a terminal.
enum class LogForm : std::uint8_t { automatic, journal, plain };

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogForm form = LogForm::automatic;

  friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

struct HistorySettings {
  bool enabled = true;
  history::Settings store = {};

  friend bool operator==(const HistorySettings&, const HistorySettings&) = default;
};

struct MetricsSettings {
  bool enabled = true;
  MetricsServerSettings server = {};
  SeriesLimits series = {};

  friend bool operator==(const MetricsSettings&, const MetricsSettings&) = default;
};

struct AlertSettings {
  bool enabled = true;
  alert::Settings settings = {};

  friend bool operator==(const AlertSettings&, const AlertSettings&) = default;
};

struct Config {
  FilterOptions filter = {};
  KernelOptions kernel = {};
  HistorySettings history = {};
  MetricsSettings metrics = {};
  AlertSettings alerts = {};
  LogSettings log = {};

  friend bool operator==(const Config&, const Config&) = default;
};

// Of a document, with names on this host (users, cgroups, network namespaces) looked up here.
std::variant<Config, std::vector<Complaint>> parse_config(std::string_view document);

// Errors: ExitCode::usage. `what` has one line for each complaint, "FILE:LINE:COLUMN: what".
// Reads at most kLargest bytes.
inline constexpr std::size_t kLargestConfig = 1U << 20;
Result<Config> load_config(const std::string& path);
// The same for who can wait for a pipe and its writer, which the daemon cannot; "-" is standard
// input.
Result<Config> load_config_once(const std::string& path);

}  // namespace closewatch
