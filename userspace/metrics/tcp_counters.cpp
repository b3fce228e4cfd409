// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/tcp_counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>

namespace closewatch {
namespace {

struct Source {
  std::string_view counter;
  CountedEnd end;
};

constexpr std::array kOfSnmp{Source{"EstabResets", CountedEnd::established_reset}};
constexpr std::array kOfNetstat{
    Source{"TCPAbortOnClose", CountedEnd::abort_on_close},
    Source{"TCPAbortOnData", CountedEnd::abort_on_data},
    Source{"TCPAbortOnLinger", CountedEnd::abort_on_data},
    Source{"TCPAbortOnMemory", CountedEnd::abort_on_memory},
    Source{"TCPAbortOnTimeout", CountedEnd::abort_on_timeout},
};

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

// The value below `name` in a pair of lines.
std::optional<std::uint64_t> value_of(std::string_view names, std::string_view values,
                                      std::string_view name) {
  while (!names.empty()) {
    const std::string_view here = next_word(names);
    const std::string_view text = next_word(values);
    if (here == name) {
      std::uint64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      const bool whole = error == std::errc{} && end == text.data() + text.size();
      return whole ? std::optional{value} : std::nullopt;
    }
  }
  return std::nullopt;
}

// Adds what the two lines of `protocol` ("Tcp:") say.
Result<> take(TcpCounters& counters, const std::string& path, std::string_view protocol,
              std::span<const Source> sources) {
  std::ifstream file{path};
  std::string names;
  std::string values;
  while (std::getline(file, names) && std::getline(file, values)) {
    if (!names.starts_with(protocol)) {
      continue;
    }
    for (const Source& source : sources) {
      const auto value = value_of(names, values, source.counter);
      if (!value) {
        return Error{fmt::format("{} has no counter {}", path, source.counter)};
      }
      counters[static_cast<std::size_t>(source.end)] += *value;
    }
    return {};
  }
  return Error{fmt::format("{} has no line {}", path, protocol),
               "does the process of this path still exist?"};
}

}  // namespace

std::string_view name_of(CountedEnd end) {
  static constexpr std::array<std::string_view, kCountedEnds> kNames{
      "established_reset", "abort_on_close", "abort_on_data", "abort_on_memory",
      "abort_on_timeout"};
  return kNames.at(static_cast<std::size_t>(end));
}

Result<TcpCounters> read_tcp_counters(const TcpCounterFiles& files) {
  TcpCounters counters{};
  if (Result<> taken = take(counters, files.snmp, "Tcp: ", kOfSnmp); !taken) {
    return std::move(taken).error();
  }
  if (Result<> taken = take(counters, files.netstat, "TcpExt: ", kOfNetstat); !taken) {
    return std::move(taken).error();
  }
  return counters;
}

}  // namespace closewatch
