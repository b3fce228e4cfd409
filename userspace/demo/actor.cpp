// SPDX-License-Identifier: Apache-2.0
#include "userspace/demo/actor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include "userspace/demo/deadline.h"
#include "userspace/demo/failure.h"

namespace closewatch::demo {
namespace {

// The life of an actor: calls until the script hangs up.
[[noreturn]] void serve(int channel, const char* comm) {
  ::prctl(PR_SET_NAME, comm);
  for (;;) {
    Call call;
    if (::recv(channel, &call, sizeof call, 0) != static_cast<ssize_t>(sizeof call) ||
        call.invoke == nullptr) {
      ::_exit(0);
    }
    Reply reply{};
    call.invoke(call.bytes.data(), reply.bytes.data());
    if (::send(channel, &reply, sizeof reply, MSG_NOSIGNAL) < 0) {
      ::_exit(0);
    }
  }
}

constexpr int kPatienceMs =
    std::chrono::duration_cast<std::chrono::duration<int, std::milli>>(kPatience).count();

struct Comm {
  std::array<char, 16> text{};
};

Comm comm_of(std::string_view role) {
  Comm comm;
  const std::string text = "cw-" + std::string{role};
  text.copy(comm.text.data(), comm.text.size() - 1);
  return comm;
}

int open_process(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

// In an actor: descriptor `fd` of process `pid`, moved here.
int take_over(pid_t pid, int fd) {
  const int process = open_process(pid);
  const auto copy = static_cast<int>(::syscall(SYS_pidfd_getfd, process, fd, 0));
  ::close(process);
  return copy;
}

struct Channel {
  UniqueFd script;
  UniqueFd actor;
};

Channel open_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    give_up("opening a channel to an actor");
  }
  return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

}  // namespace

Actor::Actor(std::string_view role) : role_{role}, comm_{comm_of(role).text.data()} {
  Channel channel = open_channel();
  pid_ = ::fork();
  if (pid_ < 0) {
    give_up("forking an actor");
  }
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    channel.script.reset();
    serve(channel.actor.get(), comm_.c_str());
  }
  adopt(std::move(channel.script));
}

Actor::Actor(std::string_view role, Actor& parent) : role_{role}, comm_{comm_of(role).text.data()} {
  Channel channel = open_channel();
  pid_ = parent.run([script = ::getpid(), fd = channel.actor.get(), comm = comm_of(role)] {
    const int own = take_over(script, fd);
    const pid_t child = own < 0 ? -1 : ::fork();
    if (child == 0) {
      serve(own, comm.text.data());
    }
    ::close(own);
    return child;
  });
  if (pid_ < 0) {
    give_up("forking an actor from another");
  }
  adopt(std::move(channel.script));
}

void Actor::adopt(UniqueFd channel) {
  channel_ = std::move(channel);
  process_.reset(open_process(pid_));
  if (!process_.valid()) {
    give_up("opening " + comm_);
  }
}

void Actor::send(const Call& call) {
  if (::send(channel_.get(), &call, sizeof call, MSG_NOSIGNAL) < 0) {
    give_up("calling " + comm_);
  }
}

bool Actor::replied() {
  pollfd ready{.fd = channel_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) > 0;
}

Reply Actor::receive() {
  pollfd ready{.fd = channel_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, kPatienceMs) <= 0) {
    give_up("waited in vain for " + comm_);
  }
  Reply reply{};
  if (::recv(channel_.get(), &reply, sizeof reply, 0) != static_cast<ssize_t>(sizeof reply)) {
    give_up(comm_ + " is gone");
  }
  return reply;
}

// /proc/<pid>/syscall begins with the number while the thread sleeps, else it says "running".
void Actor::await_blocked_in(long system_call) {
  const std::string path = "/proc/" + std::to_string(pid_) + "/syscall";
  const Deadline deadline;
  for (;;) {
    std::ifstream file{path};
    long number = -1;
    if (file >> number && number == system_call) {
      return;
    }
    if (deadline.passed()) {
      give_up(comm_ + " does not block");
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

void Actor::signal(int number) {
  if (::kill(pid_, number) != 0) {
    give_up("signalling " + comm_);
  }
}

void Actor::dismiss() {
  const Call call{};
  // It may be gone already, killed by the script.
  static_cast<void>(::send(channel_.get(), &call, sizeof call, MSG_NOSIGNAL));
  await_exit();
}

void Actor::await_exit() {
  pollfd gone{.fd = process_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&gone, 1, kPatienceMs) != 1) {
    give_up(comm_ + " does not exit");
  }
}

}  // namespace closewatch::demo
