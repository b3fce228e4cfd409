// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/default_directory.h"

#include <sys/stat.h>

namespace closewatch {

void make_default_directory(const std::string& path, const std::string& by_default) {
  if (path == by_default) {
    ::mkdir(path.substr(0, path.rfind('/')).c_str(), 0750);
  }
}

}  // namespace closewatch
