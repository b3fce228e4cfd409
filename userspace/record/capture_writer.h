// SPDX-License-Identifier: Apache-2.0
// Writes a capture: the header at once, then events in the order of the calls, in blocks. What is
// appended goes out at end_batch(), or earlier when there is much of it, so that a recording that
// is killed keeps all but its last batch. SIGPIPE must be ignored: a reader that went away is an
// ordinary error here. No thread safety.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/base/stream_writer.h"
#include "userspace/base/unique_fd.h"
#include "userspace/record/capture_event.h"
#include "userspace/record/capture_format.h"

namespace closewatch {

class CaptureWriter {
 public:
  // Creates `path`, mode 0600; "-" is standard output. An existing file is an error unless
  // `overwrite`; a symbolic link always is, and so is a terminal.
  static Result<CaptureWriter> create(const std::string& path, const CaptureHeader& header,
                                      bool overwrite);
  // Writes to an open descriptor; `name` is for messages.
  static Result<CaptureWriter> on_descriptor(UniqueFd fd, std::string name,
                                             const CaptureHeader& header);

  // Appends one record as the ring buffer gave it. Bytes that are no record (cw_header.size is not
  // their number) are left out and counted: rejected().
  void append(std::span<const std::byte> record);
  void append(const CaptureGap& gap);
  // Notes belong to the records that are appended after them.
  void append(const ProcessNote& note);
  void append(const StackNote& note);
  void append(const ProcessTotals& totals);

  // A batch is over at `now_ns` (CLOCK_BOOTTIME, not 0): hands everything to the kernel. After a
  // failed write nothing more is written, every later call fails the same way, and a file that
  // create() made ends with its last whole block. Nothing appended since: nothing is written.
  Result<> end_batch(std::uint64_t now_ns);

  // Writes what is left and the trailer, and closes. `end_ns`: CLOCK_BOOTTIME when observation
  // ended.
  Result<> finish(std::uint64_t end_ns, const KernelCounters& kernel);

  // Records handed to the kernel, those that a failed write lost, and those that were no records.
  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::uint64_t unwritten() const { return unwritten_; }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_; }

 private:
  CaptureWriter(UniqueFd fd, std::string name)
      : fd_(std::move(fd)), stream_(fd_.get()), name_(std::move(name)) {}

  Result<> begin(const CaptureHeader& header);
  void open_block(BlockKind kind);
  template <typename Entry>
  void append_entry(BlockKind kind, const Entry& entry);
  void close_block(std::uint64_t batch_end_ns);
  Result<> write_blocks();
  bool write_out(std::span<const std::byte> bytes);
  [[nodiscard]] Error failure() const;

  UniqueFd fd_;
  StreamWriter stream_;
  std::string name_;
  bool own_file_ = false;          // made by create(): may be cut back after a failed write
  std::vector<std::byte> buffer_;  // closed blocks, then the open one
  BlockHeader open_{};             // kind 0: no block is open
  std::size_t open_at_ = 0;        // where the header of the open block goes
  std::uint64_t buffered_ = 0;     // records in buffer_
  std::uint64_t file_bytes_ = 0;   // written, whole blocks
  std::uint64_t written_ = 0;
  std::uint64_t unwritten_ = 0;
  std::uint64_t rejected_ = 0;
  std::uint64_t lost_ = 0;
  int error_ = 0;  // of the write that failed, as StreamWriter has it; 0 none
};

}  // namespace closewatch
