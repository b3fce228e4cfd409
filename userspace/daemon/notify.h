// SPDX-License-Identifier: Apache-2.0
// What the service manager wants to hear (sd_notify(3)): one datagram a message to $NOTIFY_SOCKET.
// Without that variable nobody is told, and that is no error. None waits for a manager that does
// not read: that it is ready or reloading is told again with the next message, the rest is dropped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"

namespace closewatch {

class ServiceManager {
 public:
  // As $NOTIFY_SOCKET and $WATCHDOG_USEC say (nullptr: not set). Errors: a socket that does not
  // exist, a name that is neither a path nor abstract ("@...").
  static Result<ServiceManager> connect(const char* socket, const char* watchdog_us);

  void ready(std::string_view status);
  // `now_ns`: CLOCK_MONOTONIC. ready() follows when it is done.
  void reloading(std::uint64_t now_ns);
  void stopping(std::string_view status);
  void status(std::string_view status);
  void alive();

  // It ends a process from which it hears no alive() for so long; nullopt: it does not watch.
  [[nodiscard]] std::optional<std::uint64_t> patience_ns() const { return patience_ns_; }

 private:
  [[nodiscard]] bool send(const std::string& message) const;
  // What is owed first; false when the manager has no room for it.
  bool settle();
  void tell(const std::string& message);
  void owe(const std::string& message);

  UniqueFd socket_;                // connected; invalid: nobody listens
  std::vector<std::string> owed_;  // states, at most one reload and its end
  std::optional<std::uint64_t> patience_ns_;
};

}  // namespace closewatch
