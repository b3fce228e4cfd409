// SPDX-License-Identifier: Apache-2.0
// Where the cgroup v2 hierarchy is mounted: /sys/fs/cgroup, or on a host that still runs v1 beside
// it (hybrid) /sys/fs/cgroup/unified, or nowhere.
#pragma once

#include <optional>
#include <string>

#include "userspace/enrich/host_files.h"

namespace closewatch {

struct CgroupMount {
  std::string path;
  // Its top is the root of the hierarchy. Not so in a cgroup namespace or a container: the depth of
  // what is below is not known there. (cgroup.type exists in every cgroup but the root one: Linux,
  // Documentation/admin-guide/cgroup-v2.rst.)
  bool whole = true;
};

// From /proc/self/mountinfo; a whole mount is preferred. nullopt: none.
std::optional<CgroupMount> find_cgroup_mount(const HostFiles& files);

}  // namespace closewatch
