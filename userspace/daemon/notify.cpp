// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace closewatch {
namespace {

Error unreachable(std::string_view name, const char* why) {
  return {.what = fmt::format("cannot tell the service manager at {}: {}", name, why),
          .hint = "unset NOTIFY_SOCKET where no service manager started this"};
}

// A message has one assignment a line.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    c = c == '\n' ? ' ' : c;
  }
  return line;
}

}  // namespace

Result<ServiceManager> ServiceManager::connect(const char* socket, const char* watchdog_us) {
  ServiceManager manager;
  if (watchdog_us != nullptr) {
    std::uint64_t us = 0;
    const std::string_view text(watchdog_us);
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), us);
    if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() && us > 0 &&
        us < UINT64_MAX / 1000) {
      manager.patience_ns_ = us * 1000;
    }
  }
  if (socket == nullptr || *socket == '\0') {
    return manager;
  }
  const std::string_view name(socket);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((name[0] != '/' && name[0] != '@') || name.size() >= sizeof address.sun_path) {
    return unreachable(name, "it is no path and no abstract name");
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') {
    address.sun_path[0] = '\0';
  }
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  manager.socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!manager.socket_.valid() ||
      ::connect(manager.socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    return unreachable(name, std::strerror(errno));
  }
  return manager;
}

void ServiceManager::ready(std::string_view status) {
  owe(fmt::format("READY=1\nSTATUS={}", one_line(status)));
}

void ServiceManager::reloading(std::uint64_t now_ns) {
  owed_.clear();  // overtaken
  owe(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now_ns / 1000));
}

void ServiceManager::stopping(std::string_view status) {
  tell(fmt::format("STOPPING=1\nSTATUS={}", one_line(status)));
}

void ServiceManager::status(std::string_view status) {
  tell(fmt::format("STATUS={}", one_line(status)));
}

void ServiceManager::alive() { tell("WATCHDOG=1"); }

bool ServiceManager::send(const std::string& message) const {
  return ::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

bool ServiceManager::settle() {
  while (!owed_.empty() && send(owed_.front())) {
    owed_.erase(owed_.begin());
  }
  return owed_.empty();
}

void ServiceManager::tell(const std::string& message) {
  if (socket_.valid() && settle()) {
    [[maybe_unused]] const bool sent = send(message);
  }
}

void ServiceManager::owe(const std::string& message) {
  if (socket_.valid()) {
    owed_.push_back(message);
    settle();
  }
}

}  // namespace closewatch
