// SPDX-License-Identifier: Apache-2.0
// Lays the closures that arrived beside the kernel's own counts of the same ends, per network
// namespace: "saw 412 of 412". Both begin at 0 with the first reading of a namespace. Equal once
// nothing is under way, if observation has no filter and records failed attempts to connect too;
// closures of a moment around the first reading may be on one side alone. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "userspace/metrics/tcp_counters.h"
#include "userspace/pipeline/finding.h"

namespace closewatch {

// One look at the kernel's counts.
struct NamespaceReading {
  std::uint32_t netns = 0;  // inode number
  std::string name;         // for people: "host", a path
  TcpCounters counters{};
};

struct NamespaceCoverage {
  std::uint32_t netns = 0;
  std::string name;
  TcpCounters first{};  // the kernel's counts at the first reading
  TcpCounters last{};   // and at the last
  TcpCounters seen{};   // closures since the first

  [[nodiscard]] std::uint64_t kernel(CountedEnd end) const {
    return last[static_cast<std::size_t>(end)] - first[static_cast<std::size_t>(end)];
  }
  [[nodiscard]] std::uint64_t saw(CountedEnd end) const {
    return seen[static_cast<std::size_t>(end)];
  }
};

class Coverage {
 public:
  void finding(const Finding& finding);
  // The verdict of a closure in `netns` changed to `reason`: data came after its end, for which the
  // kernel counts it once more.
  void amended(std::uint32_t netns, Reason reason);
  // Namespaces that are read for the first time are watched from now on; those that are missing no
  // more.
  void take(const std::vector<NamespaceReading>& readings);

  [[nodiscard]] const std::vector<NamespaceCoverage>& namespaces() const { return namespaces_; }

 private:
  std::vector<NamespaceCoverage> namespaces_;
};

}  // namespace closewatch
