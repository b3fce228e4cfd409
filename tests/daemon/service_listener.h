// SPDX-License-Identifier: Apache-2.0
// Plays the service manager: a socket on which the daemon's states are heard.
#pragma once

#include <string>
#include <vector>

#include "userspace/base/unique_fd.h"

namespace closewatch::daemon_test {

class Manager {
 public:
  // `name`: a path, which any user may reach and every network namespace.
  explicit Manager(std::string name);

  // The value of NOTIFY_SOCKET.
  [[nodiscard]] const std::string& name() const { return name_; }

  // Waits for a message that has this line ("READY=1"); what came before it is in heard() too. Ends
  // the test when it does not come.
  std::string await(const std::string& line);
  [[nodiscard]] const std::vector<std::string>& heard() const { return heard_; }

 private:
  std::string name_;
  UniqueFd socket_;
  std::vector<std::string> heard_;
};

}  // namespace closewatch::daemon_test
