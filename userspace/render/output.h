// SPDX-License-Identifier: Apache-2.0
// Whole lines to a file descriptor. Sinks write a line into buffer() and end it; lines gather until
// flush() or until 64 KiB wait. A write waits until all is taken, also on a non-blocking
// descriptor, so no line is ever left half written while the reader is there and reads
// (StreamWriter). Assumes that SIGPIPE is ignored. After the reader has gone or a write failed,
// lines are counted and dropped: lines ended = lines_written() + lines_dropped() + those not
// flushed yet.
#pragma once

#include <cstdint>
#include <optional>

#include "userspace/base/result.h"
#include "userspace/base/stream_writer.h"
#include "userspace/render/text_buffer.h"

namespace closewatch {

class Output {
 public:
  // `fd` stays the caller's and must outlive this. Nothing is flushed on destruction.
  explicit Output(int fd) : writer_(fd) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Where the line under way is written, without its newline.
  TextBuffer& buffer() { return buffer_; }
  void end_line();
  // Writes all that waits. Call it between lines.
  void flush();

  // The reader has gone (EPIPE, ECONNRESET): no error, the program should end.
  [[nodiscard]] bool closed() const { return closed_; }
  // The first write error; set once. The last line in the file may be cut short.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] bool usable() const { return !closed_ && !error_; }

  [[nodiscard]] std::uint64_t lines_written() const { return written_; }
  [[nodiscard]] std::uint64_t lines_dropped() const { return dropped_; }

 private:
  std::size_t write_out();  // returns how many bytes were taken
  void give_up(int error);  // of StreamWriter

  StreamWriter writer_;
  TextBuffer buffer_;
  std::uint64_t waiting_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
  std::optional<Error> error_;
};

}  // namespace closewatch
