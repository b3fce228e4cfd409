// SPDX-License-Identifier: Apache-2.0
// The real closewatch as a subprocess. Unless told otherwise its output goes to a file in memory,
// so that it never waits for the test, and what it said can be read at any moment.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/storm/child.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::storm {

// The executable, and what is asked of it beside the command ("--hooks", "base").
struct Program {
  std::string path;
  std::vector<std::string> options = {};
};

class Closewatch {
 public:
  struct Start {
    Program program;
    std::vector<std::string> arguments;  // the command first
    int output = -1;                     // stdout; -1: a file in memory
    std::function<void()> before_exec = [] {
    };  // in the new process, for example to drop privileges
  };
  explicit Closewatch(const Start& start);

  // Waits until it says that every hook is attached; false when it ended instead.
  [[nodiscard]] bool watches();
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  void signal(int number) const { process_.signal(number); }
  // Waits for its end: the exit code, or 128 + the signal that killed it. Once.
  int wait() { return process_.wait(); }
  // SIGINT, and its end.
  int interrupt();

  // What is in the memory file by now.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string errors() const;

 private:
  UniqueFd output_;
  UniqueFd errors_;
  Child process_;
};

}  // namespace closewatch::storm
