// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/cgroup_mount.h"

#include "userspace/enrich/mounts.h"

namespace closewatch {

std::optional<CgroupMount> find_cgroup_mount(const HostFiles& files) {
  std::optional<CgroupMount> part;
  for (const Mount& each : read_mounts(files)) {
    if (each.type != "cgroup2") {
      continue;
    }
    CgroupMount mount{.path = each.path};
    mount.whole = !files.exists(mount.path + "/cgroup.type");
    if (mount.whole) {
      return mount;
    }
    if (!part) {
      part = std::move(mount);
    }
  }
  return part;
}

}  // namespace closewatch
