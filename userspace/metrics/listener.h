// SPDX-License-Identifier: Apache-2.0
// Listening sockets of the server: opened as the settings say, or handed over ready, as by socket
// activation.
#pragma once

#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"
#include "userspace/metrics/server_settings.h"

namespace closewatch {

struct Listener {
  UniqueFd fd;
  std::string address;  // "127.0.0.1:10177", "unix:/run/closewatch/metrics.sock"
  bool unix_socket = false;
  std::string unlink_path;  // to be removed when it closes; empty: none
};

// All that `settings` ask for. A socket file that nobody listens on any more is replaced. Errors:
// an address that is taken, or beyond loopback without what the settings ask for that; a path that
// cannot be made.
Result<std::vector<Listener>> open_listeners(const MetricsServerSettings& settings);

// A socket that somebody else opened. Errors: it is not a listening stream socket, or listens
// beyond loopback without what the settings ask for that.
Result<Listener> adopt_listener(UniqueFd fd, const MetricsServerSettings& settings);

}  // namespace closewatch
