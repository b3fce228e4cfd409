// SPDX-License-Identifier: Apache-2.0
// What is mounted where this process looks.
#pragma once

#include <string>
#include <vector>

#include "userspace/enrich/host_files.h"

namespace closewatch {

struct Mount {
  std::string root;  // what of the file system is mounted: "/", "net:[4026532345]"
  std::string path;
  std::string type;  // of the file system
};

// From /proc/self/mountinfo, in its order; none when it cannot be read.
std::vector<Mount> read_mounts(const HostFiles& files);

}  // namespace closewatch
