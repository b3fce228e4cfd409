// SPDX-License-Identifier: Apache-2.0
// Details of processes as a capture kept them: /proc of the recording host is gone at replay. A
// note holds for the closures that follow it.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "userspace/enrich/enricher.h"
#include "userspace/record/capture_event.h"

namespace closewatch {

class StoredEnricher final : public Enricher {
 public:
  void take(const ProcessNote& note);
  const ProcessDetails& details(const Task& task) override;

 private:
  struct Key {
    std::uint64_t start_ns = 0;
    std::uint64_t cgroup_id = 0;
    std::uint32_t pid = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return (key.start_ns ^ (key.cgroup_id << 20) ^ key.pid) * 0x9e3779b97f4a7c15ULL;
    }
  };

  std::unordered_map<Key, ProcessDetails, KeyHash> known_;
  ProcessDetails unknown_;
};

}  // namespace closewatch
