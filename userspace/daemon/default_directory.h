// SPDX-License-Identifier: Apache-2.0
// The directories of closewatch's own, which a service manager makes before it starts the daemon.
#pragma once

#include <string>

namespace closewatch {

// Makes the directory that `path` is in (mode 0750), if it is not there and `path` is the default:
// who names another place has made it. Whether it worked is seen by who uses it.
void make_default_directory(const std::string& path, const std::string& by_default);

}  // namespace closewatch
