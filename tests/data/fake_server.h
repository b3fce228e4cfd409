// SPDX-License-Identifier: Apache-2.0
// An HTTP receiver on loopback that behaves as badly as a test wants. One connection at a time.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "userspace/base/unique_fd.h"

namespace closewatch::testing {

class FakeServer {
 public:
  // Has the connection after the whole request was read; it is closed when this returns.
  using Behaviour = std::function<void(int connection)>;

  explicit FakeServer(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0) {
      return;  // port 0: every test of it fails
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  [[nodiscard]] std::string url(std::string_view path = "/hook") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  // Waits until so many requests came.
  void await(std::size_t count) const {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return requests_.size() >= count; });
  }
  // Head and body of each request so far.
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    while (true) {
      const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection.valid()) {
        return;
      }
      std::string request = read_request(connection.get());
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
      }
      came_.notify_all();
      behaviour_(connection.get());
    }
  }

  static std::string read_request(int connection) {
    std::string request;
    char bytes[4096];
    while (true) {
      const std::size_t head = request.find("\r\n\r\n");
      if (head != request.npos) {
        const std::size_t at = request.find("Content-Length: ");
        const std::size_t length =
            at == request.npos ? 0 : static_cast<std::size_t>(std::stoul(request.substr(at + 16)));
        if (request.size() >= head + 4 + length) {
          return request;
        }
      }
      const ssize_t count = ::recv(connection, bytes, sizeof bytes, 0);
      if (count <= 0) {
        return request;
      }
      request.append(bytes, static_cast<std::size_t>(count));
    }
  }

  Behaviour behaviour_;
  UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

// False when the other end has gone.
inline bool say(int connection, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

inline FakeServer::Behaviour answers(std::string text) {
  return [text = std::move(text)](int connection) { say(connection, text); };
}

// Says something, and then nothing until the other end closes.
inline FakeServer::Behaviour hangs_after(std::string text) {
  return [text = std::move(text)](int connection) {
    say(connection, text);
    char byte = 0;
    while (::recv(connection, &byte, 1, 0) > 0) {
    }
  };
}

// The same again and again until the other end closes.
inline FakeServer::Behaviour never_ends(std::string begin, std::string again) {
  return [begin = std::move(begin), again = std::move(again)](int connection) {
    if (say(connection, begin)) {
      while (say(connection, again)) {
      }
    }
  };
}

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace closewatch::testing
