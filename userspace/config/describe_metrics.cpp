// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>

#include "userspace/config/describe_sections.h"

namespace closewatch {
namespace {

using namespace std::chrono_literals;

constexpr TextRule kMode{.expected = "a file mode such as \"0660\"",
                         .holds = [](std::string_view text) {
                           return text.size() == 4 && text[0] == '0' &&
                                  text.find_first_not_of("01234567") == std::string_view::npos;
                         }};

// By what key the configuration says what the server's settings name so.
std::string_view metrics_key_of(std::string_view setting) {
  return setting == "token"          ? "token_file"
         : setting == "idle_seconds" ? "connection_idle"
                                     : setting;
}

template <typename Unit>
std::uint32_t whole(Fields::Duration duration) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<Unit>(duration).count());
}

std::uint32_t describe_mode(Fields& fields, std::uint32_t otherwise) {
  const std::string text = fields.text("socket_mode", fmt::format("{:04o}", otherwise), kMode);
  std::uint32_t mode = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  return mode;
}

}  // namespace

void describe_metrics(Fields& fields, MetricsSettings& metrics, const HostNames& host) {
  metrics.enabled = fields.flag("enabled", metrics.enabled);
  MetricsServerSettings& server = metrics.server;
  server.listen = fields.texts("listen", server.listen, kNotEmpty);
  server.beyond_loopback = fields.flag("beyond_loopback", server.beyond_loopback);
  server.token = describe_secret(fields, "token_file", host);
  server.socket_path = fields.text("socket_path", server.socket_path, {});
  server.socket_mode = describe_mode(fields, server.socket_mode);
  server.connections =
      static_cast<std::uint32_t>(fields.number("connections", server.connections, {1, 1000}));
  server.connections_per_address = static_cast<std::uint32_t>(
      fields.number("connections_per_address", server.connections_per_address, {1, 1000}));
  server.idle_seconds = whole<std::chrono::seconds>(
      fields.duration("connection_idle", std::chrono::seconds(server.idle_seconds), {1s, 5min}));
  SeriesLimits& series = metrics.series;
  series.processes = static_cast<decltype(series.processes)>(
      fields.number("processes", series.processes, {1, 10'000}));
  series.idle_minutes = whole<std::chrono::minutes>(
      fields.duration("process_idle", std::chrono::minutes(series.idle_minutes), {1min, 168h}));
  for (const SettingProblem& problem : problems_of(server)) {
    fields.refuse(metrics_key_of(problem.key), fmt::format("{}; {}", problem.what, problem.hint));
  }
}

}  // namespace closewatch
