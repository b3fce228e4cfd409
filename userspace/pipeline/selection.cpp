// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/selection.h"

#include <fnmatch.h>

#include <algorithm>

namespace closewatch {
namespace {

template <typename T>
bool allows(const std::vector<T>& list, T value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool Selection::wants(const Closure& closure, const Verdict& verdict) const {
  if (lost_only && !verdict.lost) {
    return false;
  }
  if (!allows(classes, verdict.cls) || !allows(reasons, verdict.reason)) {
    return false;
  }
  if (comms.empty()) {
    return true;
  }
  const std::string comm(closure.process.comm());
  return closure.process.known() &&
         std::any_of(comms.begin(), comms.end(), [&](const std::string& pattern) {
           return ::fnmatch(pattern.c_str(), comm.c_str(), 0) == 0;
         });
}

}  // namespace closewatch
