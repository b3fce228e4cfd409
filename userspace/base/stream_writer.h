// SPDX-License-Identifier: Apache-2.0
// Bytes to a file descriptor whose reader may be slow: a write waits until all is taken. Once the
// program was told to stop, a reader that takes nothing for a second is not waited for any longer.
// Assumes that SIGPIPE is ignored.
#pragma once

#include <cstddef>
#include <string>

#include "userspace/base/unique_fd.h"

namespace closewatch {

class StreamWriter {
 public:
  // In place of an errno: the reader took nothing.
  static constexpr int kStalled = -1;

  struct Outcome {
    std::size_t taken = 0;  // bytes
    int error = 0;          // why not all: an errno, or kStalled
  };

  // `fd` stays the caller's and must outlive this.
  explicit StreamWriter(int fd);

  Outcome write(const void* bytes, std::size_t size) const;

  // Of the whole process, for the writers made after it: `stop` is readable, and stays so, once the
  // program was told to stop. Invalid: it never is.
  static void heed(UniqueFd stop);

 private:
  // False when the reader is not to be waited for any longer.
  [[nodiscard]] bool await_room() const;

  int fd_;
  // Of the same pipe or terminal, and does not block; that of others who share `fd` is left alone.
  UniqueFd own_;
  bool is_socket_ = false;
};

// The words for an Outcome::error.
std::string write_error_text(int error);

}  // namespace closewatch
