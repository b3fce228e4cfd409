// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/server_settings.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>

#include "userspace/metrics/process_label.h"
#include "userspace/metrics/tcp_address.h"

namespace closewatch {
namespace {

constexpr std::size_t kShortestToken = 16;
constexpr std::size_t kLongestToken = 256;

using Problems = std::vector<SettingProblem>;

void check_listen(const MetricsServerSettings& settings, Problems& problems) {
  for (const std::string& text : settings.listen) {
    const auto address = tcp_address_of(text);
    if (!address) {
      problems.push_back({"listen", fmt::format("\"{}\" is no address", label_text(text)),
                          "write 127.0.0.1:10177 or [::1]:10177, in numbers"});
    } else if (is_loopback(address->get())) {
      continue;
    } else if (!settings.beyond_loopback) {
      problems.push_back({"listen", fmt::format("{} is not loopback", text),
                          "set beyond_loopback = true and a token if that is meant"});
    } else if (settings.token.empty()) {
      problems.push_back({"token", fmt::format("{} is not loopback and there is no token", text),
                          "set a token of at least 16 characters"});
    }
  }
}

void check_token(const MetricsServerSettings& settings, Problems& problems) {
  const std::string& token = settings.token;
  if (token.empty()) {
    return;
  }
  if (token.size() < kShortestToken || token.size() > kLongestToken) {
    problems.push_back({"token",
                        fmt::format("it has {} characters, not {} to {}", token.size(),
                                    kShortestToken, kLongestToken),
                        "make one: head -c 24 /dev/urandom | base64"});
  }
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; })) {
    problems.push_back({"token", "it holds a blank or a character outside of ASCII",
                        "make one: head -c 24 /dev/urandom | base64"});
  }
}

void check_socket(const MetricsServerSettings& settings, Problems& problems) {
  const std::string& path = settings.socket_path;
  if (path.empty()) {
    return;
  }
  if (path.front() != '/' || path.find('\0') != std::string::npos) {
    problems.push_back({"socket_path", fmt::format("\"{}\" is no absolute path", label_text(path)),
                        "write a path that begins with /"});
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    problems.push_back({"socket_path",
                        fmt::format("it has {} bytes; a unix socket takes {}", path.size(),
                                    sizeof(sockaddr_un::sun_path) - 1),
                        "choose a shorter path"});
  }
  if (settings.socket_mode > 0777) {
    problems.push_back({"socket_mode", fmt::format("{:o} is no file mode", settings.socket_mode),
                        "write it as 0o660"});
  }
}

void check_range(std::string_view key, std::uint64_t value, std::uint64_t least, std::uint64_t most,
                 Problems& problems) {
  if (value < least || value > most) {
    problems.push_back({key, fmt::format("{} is not from {} to {}", value, least, most),
                        "leave it out for the default"});
  }
}

struct Range {
  std::string_view key;
  std::uint32_t MetricsServerSettings::*value;
  std::uint32_t least;
  std::uint32_t most;
};

constexpr Range kRanges[] = {
    {"connections", &MetricsServerSettings::connections, 1, 1024},
    {"connections_per_address", &MetricsServerSettings::connections_per_address, 1, 1024},
    {"idle_seconds", &MetricsServerSettings::idle_seconds, 1, 300},
    {"overdue_seconds", &MetricsServerSettings::overdue_seconds, 1, 3600},
    {"connection_bytes", &MetricsServerSettings::connection_bytes, 2048, 65536},
    {"page_age_ms", &MetricsServerSettings::page_age_ms, 0, 60'000},
};

}  // namespace

std::vector<SettingProblem> problems_of(const MetricsServerSettings& settings) {
  Problems problems;
  check_listen(settings, problems);
  check_token(settings, problems);
  check_socket(settings, problems);
  for (const Range& range : kRanges) {
    check_range(range.key, settings.*range.value, range.least, range.most, problems);
  }
  return problems;
}

std::vector<SettingProblem> problems_of(const SeriesLimits& limits) {
  Problems problems;
  check_range("processes", limits.processes, 1, 10'000, problems);
  check_range("idle_minutes", limits.idle_minutes, 1, 10'080, problems);
  return problems;
}

}  // namespace closewatch
