// SPDX-License-Identifier: Apache-2.0
// Captures in memory: written by CaptureWriter into a memfd, taken apart, and read back as a list
// of texts, one for each event with all that is in it.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/data/example_record.h"
#include "tests/data/raw_record.h"
#include "userspace/record/capture_reader.h"
#include "userspace/record/capture_writer.h"

namespace closewatch::testing {

using Bytes = std::vector<std::byte>;

inline CaptureHeader example_header() {
  return {.tick_ns = 4'000'000,
          .start_ns = 50'000'000'000,
          .boot_to_unix_ns = 1'700'000'000'000'000'000,
          .full_hooks = true,
          .closewatch_version = "0.1.0",
          .kernel_release = "6.12.95",
          .boot_id = "01234567-89ab-cdef-0123-456789abcdef",
          .reset_reasons = {{0, "NOT_SPECIFIED"}, {11, "TCP_ABORT_ON_CLOSE"}}};
}

inline UniqueFd memory_file(std::span<const std::byte> content) {
  UniqueFd fd(::memfd_create("capture", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_SET), 0);
  return fd;
}

inline Bytes content_of(int fd) {
  Bytes content(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)));
  EXPECT_EQ(::pread(fd, content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  return content;
}

// The file that a writer makes on which `write` is called.
inline Bytes written_by(const std::function<void(CaptureWriter&)>& write) {
  UniqueFd fd = memory_file({});
  auto writer =
      CaptureWriter::on_descriptor(UniqueFd(::dup(fd.get())), "capture", example_header());
  EXPECT_TRUE(writer.ok());
  write(*writer);
  return content_of(fd.get());
}

inline std::string text_of(const RecordBlock& block) {
  std::string text = fmt::format("{} records:", block.count());
  for (const auto record : block) {
    text += fmt::format(" {:02x}", fmt::join(record, ""));
  }
  return text;
}

inline std::string text_of(const CaptureGap& gap) {
  return fmt::format("gap {} since {}", gap.lost_records, gap.since_ns);
}

inline std::string text_of(const BatchEnd& end) { return fmt::format("batch end {}", end.now_ns); }

inline std::string text_of(const ProcessNote& note) {
  return fmt::format("process {} {} {}: {} {} {} {}", note.pid, note.start_ns, note.cgroup_id,
                     note.exe.value_or("?"), note.cgroup.value_or("?"),
                     note.container.value_or("?"), note.start_unix_ns.value_or(-1));
}

inline std::string text_of(const StackNote& note) {
  return fmt::format("{} stack {}: {}", note.user ? "user" : "kernel", note.id,
                     fmt::join(note.frames, " < "));
}

inline std::string text_of(const ProcessTotals& totals) {
  return fmt::format("totals {} {} {} {}: {} {} {} {}{}", totals.process.pid, totals.process.uid,
                     totals.process.start_ns, totals.process.comm(), totals.closures, totals.lost,
                     totals.discarded, totals.unread, totals.other ? " other" : "");
}

inline std::string text_of(const CaptureTrailer& trailer) {
  const KernelCounters& kernel = trailer.kernel;
  const std::array counters{kernel.ended,
                            kernel.recorded,
                            kernel.filtered,
                            kernel.lost_ring,
                            kernel.lost_ledger,
                            kernel.unestablished,
                            kernel.unestablished_lost,
                            kernel.amended,
                            kernel.amended_lost,
                            kernel.totals_folded,
                            kernel.rst_no_socket,
                            kernel.wakeups,
                            kernel.ledger_refused,
                            kernel.ends_recovered,
                            kernel.begun,
                            kernel.open,
                            kernel.unseen,
                            kernel.stacks_lost,
                            kernel.holders_refused,
                            kernel.missed_runs,
                            kernel.made_up_runs};
  static_assert(sizeof counters == sizeof kernel, "every counter is compared");
  return fmt::format("end {}: {} records, {} rejected, {} lost; {}", trailer.end_ns,
                     trailer.records, trailer.rejected, trailer.lost, fmt::join(counters, " "));
}

struct Reading {
  std::vector<std::string> events;
  CaptureReader::State state = CaptureReader::State::reading;
  std::uint64_t records = 0;
  std::string error;         // of the open, or of the event after the last one; empty: none
  bool header_read = false;  // the capture could be opened
};

inline Reading read_from(UniqueFd fd) {
  Reading reading;
  auto reader = CaptureReader::on_descriptor(std::move(fd), "capture");
  if (!reader.ok()) {
    reading.error = reader.error().what;
    return reading;
  }
  reading.header_read = true;
  EXPECT_EQ(reader->header(), example_header());
  for (;;) {
    const auto event = reader->next();
    if (!event.ok()) {
      reading.error = event.error().what;
      break;
    }
    if (!event->has_value()) {
      break;
    }
    reading.events.push_back(std::visit([](const auto& value) { return text_of(value); }, **event));
  }
  reading.state = reader->state();
  reading.records = reader->records();
  // Whatever the end was, nothing comes after it.
  const auto after = reader->next();
  EXPECT_TRUE(after.ok() && !after->has_value());
  return reading;
}

inline Reading read_bytes(std::span<const std::byte> content) {
  return read_from(memory_file(content));
}

}  // namespace closewatch::testing
