// SPDX-License-Identifier: Apache-2.0
// Which capabilities are still needed once the hooks are attached, and the rest given up for good.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "userspace/base/result.h"

namespace closewatch {

struct KeptCapability {
  int number = 0;         // of linux/capability.h
  std::string_view name;  // "CAP_BPF"
  std::string_view why;

  friend bool operator==(const KeptCapability&, const KeptCapability&) = default;
};

// Of those that the calling thread has. `reads_maps`: whether the totals can be read, which is
// tried without capabilities first (Linux before 5.19 wants CAP_BPF for it). Changes nothing that
// lasts.
Result<std::vector<KeptCapability>> needed_after_attach(const std::function<bool()>& reads_maps);

// Gives up everything but `kept`, for the calling thread and those that it makes from now on, also
// across exec: effective, permitted, inheritable, ambient and, where it may, the bounding set; no
// new privileges after it.
Result<> keep_only(const std::vector<KeptCapability>& kept);

// "CAP_SYS_PTRACE (names of other users' executables)", or "none".
std::string kept_text(const std::vector<KeptCapability>& kept);

}  // namespace closewatch
