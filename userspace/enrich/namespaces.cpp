// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/namespaces.h"

#include <string>

namespace closewatch {

std::optional<bool> in_initial_namespace(const HostFiles& files, Namespace kind) {
  const std::string name = kind == Namespace::pid ? "pid" : "user";
  const auto link = files.link("/proc/self/ns/" + name);
  if (!link) {
    return std::nullopt;
  }
  return *link == name + ":[" + std::to_string(static_cast<std::uint32_t>(kind)) + "]";
}

}  // namespace closewatch
