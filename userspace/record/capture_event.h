// SPDX-License-Identifier: Apache-2.0
// What a capture file holds, as values: the header, and the events in the order in which they were
// recorded. The writer takes them and the reader gives them back. Views (std::string_view, span)
// that the reader gives are valid until it is asked for the next event. Texts are raw bytes
// (hostile) and are cut at kMaxText bytes (capture_format.h) when written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "userspace/record/kernel_counts.h"

namespace closewatch {

// What replay must know of the host that recorded.
struct CaptureHeader {
  std::uint64_t tick_ns = 0;         // length of a jiffy, never 0
  std::uint64_t start_ns = 0;        // CLOCK_BOOTTIME when observation began
  std::int64_t boot_to_unix_ns = 0;  // CLOCK_REALTIME minus CLOCK_BOOTTIME
  bool full_hooks = false;           // hook mode: full or base
  std::string closewatch_version;
  std::string kernel_release;                // uname -r
  std::string boot_id;                       // /proc/sys/kernel/random/boot_id
  std::map<int, std::string> reset_reasons;  // enum sk_rst_reason of that kernel, prefix removed
  friend bool operator==(const CaptureHeader&, const CaptureHeader&) = default;
};

// Raw records back to back, each as the ring buffer gave it: `for (auto record : block)` gives the
// bytes of one at a time, for decode().
class RecordBlock {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::span<const std::byte>;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = value_type;

    explicit Iterator(const std::byte* at) : at_(at) {}
    value_type operator*() const { return {at_, size()}; }
    Iterator& operator++() {
      at_ += size();
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    [[nodiscard]] std::uint32_t size() const {
      std::uint32_t value = 0;
      std::memcpy(&value, at_ + kSizeOffset, sizeof value);
      return value;
    }
    static constexpr std::size_t kSizeOffset = 4;  // cw_header.size
    const std::byte* at_;
  };

  // The reader has checked that the sizes in `bytes` add up to it.
  RecordBlock(std::span<const std::byte> bytes, std::uint32_t count)
      : bytes_(bytes), count_(count) {}

  [[nodiscard]] Iterator begin() const { return Iterator(bytes_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  std::span<const std::byte> bytes_;
  std::uint32_t count_;
};

// The batch is over: everything since the last BatchEnd came out of the ring buffer together.
struct BatchEnd {
  std::uint64_t now_ns = 0;  // CLOCK_BOOTTIME at that moment, never 0
  friend bool operator==(const BatchEnd&, const BatchEnd&) = default;
};

// Records that the ring buffer could not carry.
struct CaptureGap {
  std::uint64_t lost_records = 0;
  std::uint64_t since_ns = 0;  // CLOCK_BOOTTIME of the last moment at which nothing more was lost
  friend bool operator==(const CaptureGap&, const CaptureGap&) = default;
};

// What enrichment found of the process of a Task (pid, start_ns, cgroup_id). It holds for the
// records that follow it, until the next note of the same three.
struct ProcessNote {
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t cgroup_id = 0;
  std::optional<std::string_view> exe = {};
  std::optional<std::string_view> cgroup = {};
  std::optional<std::string_view> container = {};
  std::optional<std::int64_t> start_unix_ns = {};
  friend bool operator==(const ProcessNote&, const ProcessNote&) = default;
};

// The frames behind Closure::stack_kernel or stack_user, for the records that follow.
struct StackNote {
  bool user = false;
  std::int32_t id = 0;
  std::vector<std::string_view> frames = {};  // innermost first; at most kMaxFrames are written
  friend bool operator==(const StackNote&, const StackNote&) = default;
};

// The last event of a whole capture: totals of the file, by which missing parts are told.
struct CaptureTrailer {
  std::uint64_t end_ns = 0;    // CLOCK_BOOTTIME when observation ended
  std::uint64_t records = 0;   // in the file
  std::uint64_t rejected = 0;  // left out by the writer: their size is not that of their header
  std::uint64_t lost = 0;      // sum of the gaps
  KernelCounters kernel = {};
  friend bool operator==(const CaptureTrailer&, const CaptureTrailer&) = default;
};

// In the order of the recording; ProcessTotals, the kernel's totals at the end of it, come last
// before the trailer.
using CaptureEvent = std::variant<RecordBlock, CaptureGap, BatchEnd, ProcessNote, StackNote,
                                  ProcessTotals, CaptureTrailer>;

}  // namespace closewatch
