// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/counters.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

namespace closewatch::demo {
namespace {

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

void Counters::take(std::string_view names, std::string_view values) {
  while (!names.empty()) {
    const std::string_view name = next_word(names);
    const std::string_view value = next_word(values);
    const auto* const known = std::find(kCounterNames.begin(), kCounterNames.end(), name);
    if (known != kCounterNames.end()) {
      std::int64_t& slot = values_[static_cast<std::size_t>(known - kCounterNames.begin())];
      std::from_chars(value.data(), value.data() + value.size(), slot);
    }
  }
}

Counters Counters::read() {
  Counters counters;
  counters.values_.fill(kAbsent);
  for (const char* path : {"/proc/self/net/snmp", "/proc/self/net/netstat"}) {
    std::ifstream file{path};
    std::string names;
    std::string values;
    while (std::getline(file, names) && std::getline(file, values)) {
      if (names.starts_with("Tcp:") || names.starts_with("TcpExt:")) {
        counters.take(names, values);
      }
    }
  }
  return counters;
}

std::optional<std::int64_t> Counters::get(std::string_view name) const {
  const auto* const known = std::find(kCounterNames.begin(), kCounterNames.end(), name);
  if (known == kCounterNames.end()) {
    return std::nullopt;
  }
  const std::int64_t value = values_[static_cast<std::size_t>(known - kCounterNames.begin())];
  return value == kAbsent ? std::nullopt : std::optional{value};
}

}  // namespace closewatch::demo
