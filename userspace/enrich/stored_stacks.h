// SPDX-License-Identifier: Apache-2.0
// Stacks as a capture kept them. A note holds for the closures that follow it.
#pragma once

#include <unordered_map>

#include "userspace/enrich/stacks.h"
#include "userspace/record/capture_event.h"

namespace closewatch {

class StoredStacks final : public Stacks {
 public:
  void take(const StackNote& note);
  const Frames& kernel(std::int32_t id) override;
  const Frames& user(std::int32_t id, const Task& task) override;

 private:
  std::unordered_map<std::int32_t, Frames> kernel_;
  std::unordered_map<std::int32_t, Frames> user_;
  Frames none_;
};

}  // namespace closewatch
