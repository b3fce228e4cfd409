// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "userspace/metrics/process_label.h"
#include "userspace/metrics/tcp_address.h"

namespace closewatch {
namespace {

constexpr int kBacklog = 256;  // clients may come in a burst while a page is made

Error failure(std::string_view address, std::string hint = {}) {
  return Error{fmt::format("cannot listen on {}: {}", address, std::strerror(errno)),
               std::move(hint)};
}

Result<> may_listen(const sockaddr* address, std::string_view text,
                    const MetricsServerSettings& settings) {
  if (is_loopback(address) || (settings.beyond_loopback && !settings.token.empty())) {
    return {};
  }
  return Error{fmt::format("cannot listen on {}: it is not loopback", text),
               "set beyond_loopback = true and a token if that is meant"};
}

Result<Listener> open_tcp(const std::string& text, const MetricsServerSettings& settings) {
  const auto address = tcp_address_of(text);
  if (!address) {
    return Error{
        fmt::format("cannot listen on \"{}\": no numeric address with a port", label_text(text))};
  }
  if (Result<> may = may_listen(address->get(), text, settings); !may) {
    return std::move(may).error();
  }
  Listener listener;
  listener.address = text;
  listener.fd.reset(
      ::socket(address->get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!listener.fd.valid() ||
      ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    return failure(text);
  }
  if (address->get()->sa_family == AF_INET6 &&
      ::setsockopt(listener.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return failure(text);
  }
  if (::bind(listener.fd.get(), address->get(), address->size) != 0 ||
      ::listen(listener.fd.get(), kBacklog) != 0) {
    return failure(text, "does another program, or another closewatch, serve there?");
  }
  return listener;
}

// Whether `path` is a socket that nobody listens on.
bool is_abandoned(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return false;
  }
  const UniqueFd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

Result<Listener> open_unix(const std::string& path, std::uint32_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return failure(path);
  }
  path.copy(address.sun_path, path.size());
  Listener listener;
  listener.address = "unix:" + path;
  listener.unix_socket = true;
  listener.fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // The mode of the file that bind() makes is that of the socket: it is never wider than asked for.
  if (!listener.fd.valid() || ::fchmod(listener.fd.get(), mode) != 0) {
    return failure(path);
  }
  const auto bind = [&] {
    return ::bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  };
  if (bind() != 0 && (errno != EADDRINUSE || !is_abandoned(path, address) ||
                      ::unlink(path.c_str()) != 0 || bind() != 0)) {
    return failure(path, "does its folder exist, and does no other closewatch serve there?");
  }
  listener.unlink_path = path;
  if (::chmod(path.c_str(), mode) != 0 || ::listen(listener.fd.get(), kBacklog) != 0) {
    return failure(path);
  }
  return listener;
}

std::string text_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in in4{};
    std::memcpy(&in4, &address, sizeof in4);
    ::inet_ntop(AF_INET, &in4.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(in4.sin_port));
  }
  sockaddr_in6 in6{};
  std::memcpy(&in6, &address, sizeof in6);
  ::inet_ntop(AF_INET6, &in6.sin6_addr, text.data(), text.size());
  return fmt::format("[{}]:{}", text.data(), ntohs(in6.sin6_port));
}

int socket_option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

Result<std::vector<Listener>> open_listeners(const MetricsServerSettings& settings) {
  std::vector<Listener> listeners;
  for (const std::string& text : settings.listen) {
    Result<Listener> listener = open_tcp(text, settings);
    if (!listener) {
      return std::move(listener).error();
    }
    listeners.push_back(std::move(listener).take());
  }
  if (!settings.socket_path.empty()) {
    Result<Listener> listener = open_unix(settings.socket_path, settings.socket_mode);
    if (!listener) {
      return std::move(listener).error();
    }
    listeners.push_back(std::move(listener).take());
  }
  return listeners;
}

Result<Listener> adopt_listener(UniqueFd fd, const MetricsServerSettings& settings) {
  if (socket_option(fd.get(), SO_TYPE) != SOCK_STREAM ||
      socket_option(fd.get(), SO_ACCEPTCONN) != 1) {
    return Error{fmt::format("descriptor {} is no listening stream socket", fd.get()),
                 "socket units: ListenStream= with Accept=no"};
  }
  Listener listener;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  listener.unix_socket = address.ss_family == AF_UNIX;
  listener.address = listener.unix_socket ? "unix" : text_of(address);
  if (!listener.unix_socket) {
    const auto* const tcp = reinterpret_cast<const sockaddr*>(&address);
    if (Result<> may = may_listen(tcp, listener.address, settings); !may) {
      return std::move(may).error();
    }
  }
  listener.fd = std::move(fd);
  return listener;
}

}  // namespace closewatch
