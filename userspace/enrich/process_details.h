// SPDX-License-Identifier: Apache-2.0
// What userspace adds to a Task. Strings are raw bytes (hostile); each output escapes for itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace closewatch {

struct ProcessDetails {
  std::optional<std::string> exe;             // file name of the executable, without the directory
  std::optional<std::string> cgroup;          // path below the cgroup v2 mount, "/" for the root
  std::optional<std::string> container;       // container id taken from the cgroup path
  std::optional<std::int64_t> start_unix_ns;  // start of the process, CLOCK_REALTIME

  friend bool operator==(const ProcessDetails&, const ProcessDetails&) = default;
};

}  // namespace closewatch
