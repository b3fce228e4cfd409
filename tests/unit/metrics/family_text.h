// SPDX-License-Identifier: Apache-2.0
// What a scrape would get of one metric family.
#pragma once

#include <string>
#include <string_view>

#include "userspace/metrics/family.h"
#include "userspace/metrics/metrics.h"

namespace closewatch {

// Empty when there is no such family.
inline std::string text_of(const Families& families, std::string_view name) {
  Families chosen;
  for (const prometheus::MetricFamily& family : families) {
    if (family.name == name) {
      chosen.push_back(family);
    }
  }
  return text_page(chosen);
}

// The same without the lines of help and type, and without series that are 0.
inline std::string values_of(const Families& families, std::string_view name) {
  const std::string text = text_of(families, name);
  std::string values;
  for (std::size_t at = 0; at < text.size();) {
    const std::string line = text.substr(at, text.find('\n', at) + 1 - at);
    at += line.size();
    if (!line.starts_with('#') && !line.ends_with(" 0\n")) {
      values += line;
    }
  }
  return values;
}

}  // namespace closewatch
