// SPDX-License-Identifier: Apache-2.0
// The daemon: observes until it is told to stop, and takes every closure to its sinks.
#pragma once

#include <string>

#include "userspace/base/result.h"
#include "userspace/config/config.h"

namespace closewatch {

struct ServeOptions {
  std::string config_path;  // empty: the defaults, which SIGHUP does not change
  std::string version;      // "0.1.0"
};

// Returns when SIGTERM or SIGINT came and everything is written. Errors: what keeps it from
// starting; of the configuration ExitCode::usage, of the system ExitCode::unsupported.
Result<> serve(const ServeOptions& options);

}  // namespace closewatch
