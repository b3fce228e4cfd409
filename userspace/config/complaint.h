// SPDX-License-Identifier: Apache-2.0
// What is wrong with a configuration, and where.
#pragma once

#include <cstdint>
#include <string>

namespace closewatch {

struct Complaint {
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // in characters, from 1
  std::string what;          // for a terminal: nothing in it is as hostile as the file may be

  friend bool operator==(const Complaint&, const Complaint&) = default;
};

}  // namespace closewatch
