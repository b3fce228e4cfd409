// SPDX-License-Identifier: Apache-2.0
// A program of others that runs for the time of a test: it is killed with this object, and with the
// test at the latest. What it writes comes out here, and on stderr when the test fails to find a
// line.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/base/unique_fd.h"

namespace closewatch::testing {

// A folder of the test's own, removed with it.
class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/closewatch-alerts-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path(std::string_view name) const {
    return folder_ + "/" + std::string(name);
  }

 private:
  std::string folder_;
};

class Daemon {
 public:
  // Found in PATH; standard output and standard error are one.
  explicit Daemon(std::vector<std::string> arguments) {
    int to[2];
    int from[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) {
      return;
    }
    UniqueFd input(to[0]);
    input_.reset(to[1]);
    output_.reset(from[0]);
    UniqueFd output(from[1]);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) {
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(input.get(), STDIN_FILENO);
      ::dup2(output.get(), STDOUT_FILENO);
      ::dup2(output.get(), STDERR_FILENO);
      ::execvp(pointers[0], pointers.data());
      ::perror(pointers[0]);
      ::_exit(127);
    }
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  void write(std::string_view text) const {
    if (::write(input_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      ::perror("write to a daemon");
    }
  }

  // Waits until it has ended by itself; true when it exited with 0.
  bool ended() {
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status == 0;
  }

  // The rest of the line behind `words`, once it was written whole; empty when it never is.
  std::string await(std::string_view words) {
    while (true) {
      const std::size_t at = said_.find(words);
      const std::size_t end = said_.find('\n', at);
      if (at != said_.npos && end != said_.npos) {
        return said_.substr(at + words.size(), end - at - words.size());
      }
      if (!read_more(kPatienceMs)) {
        std::fprintf(stderr, "no '%.*s' in: %s\n", static_cast<int>(words.size()), words.data(),
                     said_.c_str());
        return {};
      }
    }
  }

 private:
  static constexpr int kPatienceMs = 60'000;

  bool read_more(int patience_ms) {
    pollfd readable{output_.get(), POLLIN, 0};
    char bytes[4096];
    const ssize_t count =
        ::poll(&readable, 1, patience_ms) == 1 ? ::read(output_.get(), bytes, sizeof bytes) : 0;
    said_.append(bytes, static_cast<std::size_t>(count > 0 ? count : 0));
    return count > 0;
  }

  UniqueFd input_;
  UniqueFd output_;
  pid_t pid_ = -1;
  std::string said_;
};

}  // namespace closewatch::testing
