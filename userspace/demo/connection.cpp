// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "userspace/demo/failure.h"

namespace closewatch::demo {
namespace {

constexpr std::uint32_t kChunk = 4096;

std::string text_of(const Queues& queues) {
  return std::to_string(queues.never_sent) + " never sent, " + std::to_string(queues.unacked) +
         " unacked, " + std::to_string(queues.unread) + " unread";
}

void require(bool done, const char* what) {
  if (!done) {
    give_up(std::string{what} + " failed");
  }
}

}  // namespace

CloseResult measured_close(int fd) {
  const auto begin = std::chrono::steady_clock::now();
  CloseResult close;
  close.result = ::close(fd);
  close.error = close.result < 0 ? errno : 0;
  const auto end = std::chrono::steady_clock::now();
  close.blocked_us = std::chrono::duration_cast<std::chrono::microseconds>(end - begin).count();
  close.tid = static_cast<pid_t>(::syscall(SYS_gettid));
  return close;
}

Queues queues_of(int fd) {
  int outgoing = 0;
  int never_sent = 0;
  int incoming = 0;
  ::ioctl(fd, SIOCOUTQ, &outgoing);
  ::ioctl(fd, SIOCOUTQNSD, &never_sent);
  ::ioctl(fd, SIOCINQ, &incoming);
  return {.never_sent = static_cast<std::uint32_t>(never_sent),
          .unacked = static_cast<std::uint32_t>(outgoing - never_sent),
          .unread = static_cast<std::uint32_t>(incoming)};
}

Connection::Connection(Link& link, Actor& owner, std::uint16_t peer_port, ConnectionTruth& truth)
    : link_{link}, owner_{&owner}, truth_{&truth}, peer_{link, peer_port} {}

Connection::Connection(Link& link, Actor& owner, const Peer& earlier, ConnectionTruth& truth)
    : link_{link}, owner_{&owner}, truth_{&truth}, peer_{link, earlier} {}

void Connection::hand_over(Actor& owner, int fd) {
  owner_ = &owner;
  fd_ = fd;
}

void Connection::note_ports() {
  truth_->local_port = peer_.kernel_port();
  truth_->peer_port = peer_.port();
}

void Connection::write(std::uint32_t bytes, int flags) {
  truth_->written += bytes;
  require(owner_->run([fd = fd_, bytes, flags] {
    std::array<char, kChunk> chunk;
    chunk.fill('a');
    for (std::uint32_t left = bytes; left > 0;) {
      const ssize_t sent =
          ::send(fd, chunk.data(), std::min<std::size_t>(left, chunk.size()), flags | MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      left -= static_cast<std::uint32_t>(sent);
    }
    return true;
  }),
          "send()");
}

void Connection::read(std::uint32_t bytes) {
  require(owner_->run([fd = fd_, bytes] {
    std::array<char, kChunk> chunk;
    for (std::uint32_t left = bytes; left > 0;) {
      const ssize_t got = ::recv(fd, chunk.data(), std::min<std::size_t>(left, chunk.size()), 0);
      if (got <= 0) {
        return false;
      }
      left -= static_cast<std::uint32_t>(got);
    }
    return true;
  }),
          "recv()");
}

void Connection::set(int level, int option, int value) {
  require(owner_->run([fd = fd_, level, option, value] {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
  }),
          "setsockopt()");
}

void Connection::linger(int seconds) {
  require(owner_->run([fd = fd_, seconds] {
    const ::linger value{.l_onoff = 1, .l_linger = seconds};
    return ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value) == 0;
  }),
          "SO_LINGER");
}

void Connection::shutdown(int how) {
  require(owner_->run([fd = fd_, how] { return ::shutdown(fd, how) == 0; }), "shutdown()");
}

void Connection::await_queues(const Queues& queues) {
  const std::string what = text_of(queues);
  link_.await(what.c_str(), [this, &queues] {
    return owner_->run([fd = fd_] { return queues_of(fd); }) == queues;
  });
  truth_->queues = queues;
  truth_->queues_known = true;
}

std::optional<TableEntry> Connection::entry() const {
  return find_socket(link_.family(), truth_->local_port, truth_->peer_port);
}

void Connection::await_state(int state) {
  const std::string what = "TCP state " + std::to_string(state);
  link_.await(what.c_str(), [this, state] {
    const auto found = entry();
    return found && !found->mini && found->state == state;
  });
}

void Connection::await_orphan() {
  link_.await("an orphan", [this] {
    const auto found = entry();
    return found && !found->mini && found->inode == 0;
  });
}

void Connection::await_end() {
  link_.await("the end of the connection", [this] {
    const auto found = entry();
    return !found || found->mini;
  });
}

void Connection::await_gone() {
  link_.await("the end of the timewait socket", [this] { return !entry(); });
}

void Connection::close() { finish_close(start_close()); }

Pending<CloseResult> Connection::start_close() {
  return owner_->start([fd = fd_] { return measured_close(fd); });
}

void Connection::finish_close(Pending<CloseResult> pending) {
  truth_->close = pending.get();
  truth_->closed = true;
  fd_ = -1;
  if (truth_->close.result != 0) {
    give_up("close() did not return 0");
  }
}

}  // namespace closewatch::demo
