// SPDX-License-Identifier: Apache-2.0
// Reads a capture, event by event. Nothing in the file is trusted: each block is checked whole
// (both checksums, lengths, counts, times) before any of it is given out, so what came before
// damage is delivered and what comes after it is not. Reads with read(2) into one buffer, so pipes
// work and a file that shrinks meanwhile is an early end. No thread safety.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"
#include "userspace/record/capture_event.h"
#include "userspace/record/capture_format.h"
#include "userspace/record/wire.h"

namespace closewatch {

class CaptureReader {
 public:
  // How reading stands. `interrupted` is the only one that next() leaves again.
  enum class State : std::uint8_t {
    reading,
    interrupted,  // a signal came (EINTR) while it waited: stop, or call next() again
    whole,        // the trailer was read and nothing follows it
    truncated,    // the file ends before its trailer: the recording was cut short
    damaged,      // bytes that a recording never writes
    unreadable,   // read(2) failed
  };

  // Opens `path` and reads its header; "-" is standard input.
  static Result<CaptureReader> open(const std::string& path);
  // Reads from an open descriptor; `name` is for messages.
  static Result<CaptureReader> on_descriptor(UniqueFd fd, std::string name);

  [[nodiscard]] const CaptureHeader& header() const { return header_; }

  // The next event; its views are valid until the next call. nullopt: no more, see state(). An
  // error says what became of the rest, and how many records were given out before it.
  Result<std::optional<CaptureEvent>> next();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }  // given out so far

 private:
  CaptureReader(UniqueFd fd, std::string name);

  Result<> read_header();
  Result<> begin_block();
  template <typename Entry>
  Result<std::optional<CaptureEvent>> take_entry(Entry entry);
  Result<std::size_t> fill(std::size_t wanted);
  [[nodiscard]] const std::byte* at() const { return buffer_.get() + begin_; }
  Error stop(State state, std::string what, std::string_view hint);
  Error cut_short(std::string_view where, std::string_view consequence);
  Error damaged(std::string_view problem);
  Error newer(std::string_view what);

  UniqueFd fd_;
  std::string name_;
  CaptureHeader header_;
  State state_ = State::reading;

  std::unique_ptr<std::byte[]> buffer_;
  std::size_t buffer_size_ = 0;
  std::size_t begin_ = 0;  // of the bytes read and not yet consumed
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;  // of begin_, in the file

  std::uint64_t block_offset_ = 0;  // of the current block's header, for messages
  BlockHeader block_{};             // the current block
  std::uint32_t entries_left_ = 0;  // in it
  std::uint64_t batch_end_ns_ = 0;  // to be given out after them; 0 none
  std::span<const std::byte> payload_;
  FieldReader entries_;
  std::uint64_t records_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace closewatch
